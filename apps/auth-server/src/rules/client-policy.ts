import type { RefreshPolicy } from './decide-refresh.ts'
import { PAGES_CLIENT } from './pages-client.ts'
import type { Client, ClientPolicy, Realm } from './realm.ts'

/** What holds for clients that set nothing of their own. */
export interface PolicySettings {
  accessTokenTtlSeconds: number
  refreshAbsoluteTtlMs: number
  refreshPolicy: Pick<RefreshPolicy, 'idleMs' | 'graceMs' | 'lateRepeatGap'>
}

/** What holds for the sessions of one client. */
export interface SessionPolicy extends RefreshPolicy {
  /** A session ends this long after its login. Milliseconds. */
  absoluteMs: number
}

/** @param clientId of a session. A client that is not in the realm has no live sessions, and neither has a disabled one. */
export function policyOf(realm: Realm, clientId: string, settings: PolicySettings): SessionPolicy {
  const client = clientId === PAGES_CLIENT.id ? PAGES_CLIENT : realm.clients.get(clientId)
  const own = client?.policy
  const { idleMs, graceMs, lateRepeatGap } = settings.refreshPolicy
  return {
    idleMs: msOf(own?.refreshIdleTtlSeconds) ?? idleMs,
    graceMs: msOf(own?.refreshGraceSeconds) ?? graceMs,
    lateRepeatGap: own?.refreshLateRepeatGap === 'off' ? null : (own?.refreshLateRepeatGap ?? lateRepeatGap),
    endedBefore: !client || client.disabled ? Infinity : (client.endedBefore ?? 0),
    absoluteMs: msOf(own?.refreshAbsoluteTtlSeconds) ?? settings.refreshAbsoluteTtlMs,
  }
}

/** No session of any client lives longer without a refresh. Milliseconds. */
export const longestIdleMs = (realm: Realm, { refreshPolicy: { idleMs } }: PolicySettings): number =>
  longest(realm, idleMs, ({ refreshIdleTtlSeconds }) => msOf(refreshIdleTtlSeconds))

const msOf = (seconds: number | null | undefined): number | undefined =>
  typeof seconds === 'number' ? seconds * 1000 : undefined

/** How long an access token for these resources lives: the shortest that any of them or the client allows. */
export function accessTokenTtlSeconds(
  realm: Realm,
  client: Client,
  resources: readonly string[],
  settings: Pick<PolicySettings, 'accessTokenTtlSeconds'>,
): number {
  let shortest = client.policy.accessTokenTtlSeconds ?? settings.accessTokenTtlSeconds
  for (const id of resources) shortest = Math.min(shortest, realm.resources.get(id)?.accessTokenTtlSeconds ?? shortest)
  return shortest
}

/** No access token that is issued under this realm lives longer. */
export const longestAccessTokenTtlSeconds = (
  realm: Realm,
  settings: Pick<PolicySettings, 'accessTokenTtlSeconds'>,
): number => longest(realm, settings.accessTokenTtlSeconds, ({ accessTokenTtlSeconds: own }) => own ?? undefined)

/** @param otherwise what the settings say, which counts even if no client goes by them. */
function longest(realm: Realm, otherwise: number, own: (policy: ClientPolicy) => number | undefined): number {
  let found = otherwise
  for (const { policy } of realm.clients.values()) found = Math.max(found, own(policy) ?? 0)
  return found
}
