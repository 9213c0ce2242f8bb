import { randomBytes, randomUUID } from 'node:crypto'
import type { Config } from '../../config.ts'
import { EMPTY_STATE, type Family, type Grant } from '../../rules/family.ts'
import { type PolicySettings, policyOf } from '../../rules/client-policy.ts'
import type { Client, RealmSource } from '../../rules/realm.ts'
import { narrowScope } from '../../rules/scopes.ts'
import type { Account, Accounts } from '../../stores/accounts.ts'
import type { LoginFacts, LoginStore, Origin } from '../../stores/family-store.ts'
import { ACCOUNT_CHANGED, type Refusal, refuse, tooManyAttempts } from '../refusal.ts'
import { type RevokeParts, revoke } from './revoke.ts'

export type OpenParts = RevokeParts & {
  config: Pick<Config, 'sessionLimits'> & PolicySettings
  realm: RealmSource
  families: Pick<LoginStore, 'openFor'>
  accounts: Pick<Accounts, 'keeper'>
  seeStoreTime: (now: number) => void
}

export interface Opening {
  /** The account as it was authenticated. */
  user: Account
  client: Client
  /** What is granted, from rules/target.ts. */
  resources: readonly string[]
  /** The requested scope. Undefined requests everything that may be granted. */
  scope: string | undefined
  /** The browser's session at the pages, if the user was not authenticated for this one. Its first token is then a code. */
  from?: Pick<Grant, 'parent' | 'authTime'>
  /** How the user logged in, which the list of sessions shows. */
  how: Origin & { ip: string }
}

export interface Opened {
  ok: true
  family: Family
  /** The account as it is now. */
  account: Account
  /** The store's time in milliseconds. */
  now: number
}

/**
 * Opens a session for a user who has been authenticated, by whatever grant. Its tokens are issued afterwards. If the account
 * has changed since it was authenticated, the answer is ACCOUNT_CHANGED.
 */
export async function openSession(parts: OpenParts, opening: Opening): Promise<Opened | Refusal> {
  const { sessionsPerUser: sessions, loginsPerUser: logins } = parts.config.sessionLimits
  const { user, how } = opening
  const keep = parts.accounts.keeper()
  let outcome = ACCOUNT_CHANGED as (Opened & LoginFacts) | Refusal
  await parts.families.openFor(user.id, { sessions, logins }, how, (facts) => {
    outcome = decideOpening(parts, opening, facts)
    return outcome.ok ? outcome.family : null
  })
  if (!outcome.ok) return outcome

  const { family, account, now, surplus } = outcome
  parts.seeStoreTime(now)
  await Promise.all([keep(account), revoke(parts, surplus, { at: now, reason: 'session_limit' })])
  const event = { userId: account.id, sid: family.sid, ip: how.ip }
  parts.audit(
    family.parent === null ? { type: 'login', ...event } : { type: 'authorized', ...event, clientId: family.clientId },
  )
  return { ok: true, family, account, now }
}

/** Decides by the account and the client as they are now: authentication takes a while, and longer in a queue. */
function decideOpening(
  { config, realm: source, audit }: OpenParts,
  { user, client, resources, scope: asked, from, how }: Opening,
  facts: LoginFacts,
): (Opened & LoginFacts) | Refusal {
  const { account, now, earlierLoginAt, statusIndex } = facts
  const refused = { type: 'login_refused', userId: account.id, ip: how.ip } as const
  if (account.version !== user.version || account.disabled) {
    audit({ ...refused, reason: 'changed_meanwhile' })
    return ACCOUNT_CHANGED
  }
  const realm = source.current()
  const policy = policyOf(realm, client.id, config)
  if (now < policy.endedBefore) return refuse('invalid_client', 'This client is not registered.')
  const waitMs = earlierLoginAt === null ? 0 : earlierLoginAt + config.sessionLimits.windowMs - now
  if (waitMs > 0) {
    audit({ ...refused, reason: 'throttled' })
    return tooManyAttempts(Math.ceil(waitMs / 1000))
  }
  const scope = narrowScope(realm, { client, resources, roles: account.roles, asked })
  if (scope === null) return refuse('invalid_scope', 'The roles of this user grant none of the requested scope.')
  const family: Family = {
    id: randomBytes(16).toString('base64url'),
    sid: randomUUID(),
    userId: account.id,
    clientId: client.id,
    scope,
    statusIndex,
    resources: resources.join(' '),
    bindingKey: null,
    createdAt: now,
    expiresAt: now + policy.absoluteMs,
    parent: from?.parent ?? null,
    authTime: from?.authTime ?? null,
    ...EMPTY_STATE,
    redeemedAt: now,
  }
  return { ok: true, family, ...facts }
}
