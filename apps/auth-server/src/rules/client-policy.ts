import type { RefreshPolicy } from './decide-refresh.ts'
import { PAGES_CLIENT } from './pages-client.ts'
import type { Client, Realm } from './realm.ts'

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

/** Clients whose sessions live equally long without a refresh, and since when they must have been opened. */
export interface LiveTerms {
  clientIds: string[]
  idleMs: number
  /** Milliseconds since the epoch. */
  endedBefore: number
}

/** What makes a session live besides its own values. Sessions of other clients are over. Mostly it is one group. */
export function liveTerms(realm: Realm, settings: PolicySettings): LiveTerms[] {
  const groups = new Map<string, LiveTerms>()
  for (const id of [PAGES_CLIENT.id, ...realm.clients.keys()]) {
    const { idleMs, endedBefore } = policyOf(realm, id, settings)
    if (endedBefore === Infinity) continue
    const key = `${idleMs} ${endedBefore}`
    const group = groups.get(key)
    if (group) group.clientIds.push(id)
    else groups.set(key, { clientIds: [id], idleMs, endedBefore })
  }
  return [...groups.values()]
}

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
export function longestAccessTokenTtlSeconds(
  realm: Realm,
  settings: Pick<PolicySettings, 'accessTokenTtlSeconds'>,
): number {
  const own = [...realm.clients.values()].map(({ policy }) => policy.accessTokenTtlSeconds ?? 0)
  return Math.max(settings.accessTokenTtlSeconds, ...own)
}
