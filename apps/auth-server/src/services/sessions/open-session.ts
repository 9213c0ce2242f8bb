import { randomBytes, randomUUID } from 'node:crypto'
import type { Config } from '../../config.ts'
import type { Family, Grant } from '../../rules/family.ts'
import { type PolicySettings, policyOf } from '../../rules/client-policy.ts'
import type { Client, RealmSource } from '../../rules/realm.ts'
import { narrowScope } from '../../rules/scopes.ts'
import type { Account, Accounts } from '../../stores/accounts.ts'
import type { LoginFacts, LoginStore, OpeningTerms, Origin } from '../../stores/family-store.ts'
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
 * has changed since it was authenticated, which its version tells, the answer is ACCOUNT_CHANGED.
 */
export async function openSession(parts: OpenParts, opening: Opening): Promise<Opened | Refusal> {
  const { user, client, resources, from, how } = opening
  const { sessionsPerUser: sessions, loginsPerUser: logins, windowMs } = parts.config.sessionLimits
  const realm = parts.realm.current()
  const policy = policyOf(realm, client.id, parts.config)
  // By the roles that the account has now, or else it is another version.
  const scope = narrowScope(realm, { client, resources, roles: user.roles, asked: opening.scope })
  if (scope === null) return refuse('invalid_scope', 'The roles of this user grant none of the requested scope.')

  const keep = parts.accounts.keeper()
  const grant = {
    id: randomBytes(16).toString('base64url'),
    sid: randomUUID(),
    userId: user.id,
    clientId: client.id,
    scope,
    resources: resources.join(' '),
    bindingKey: null,
    parent: from?.parent ?? null,
    authTime: from?.authTime ?? null,
  }
  const terms = { version: user.version, notBefore: policy.endedBefore, sessions, logins, windowMs }
  const facts = await parts.families.openFor({ grant, lifetimeMs: policy.absoluteMs, origin: how }, terms)
  if (!facts?.family) return refusalFor(parts, opening, facts, terms)

  const { family, account, now, surplus } = facts
  parts.seeStoreTime(now)
  await Promise.all([keep(account), revoke(parts, surplus, { at: now, reason: 'session_limit' })])
  const event = { userId: account.id, sid: family.sid, ip: how.ip }
  parts.audit(
    family.parent === null ? { type: 'login', ...event } : { type: 'authorized', ...event, clientId: family.clientId },
  )
  return { ok: true, family, account, now }
}

/** Which of the terms was not met. */
function refusalFor(
  { audit }: OpenParts,
  { user, how }: Opening,
  facts: LoginFacts | null,
  { version, notBefore, windowMs }: OpeningTerms,
): Refusal {
  const refused = { type: 'login_refused', userId: user.id, ip: how.ip } as const
  if (!facts || facts.account.version !== version || facts.account.disabled) {
    audit({ ...refused, reason: 'changed_meanwhile' })
    return ACCOUNT_CHANGED
  }
  if (facts.now < notBefore) return refuse('invalid_client', 'This client is not registered.')
  audit({ ...refused, reason: 'throttled' })
  return tooManyAttempts(Math.ceil(((facts.earlierLoginAt ?? 0) + windowMs - facts.now) / 1000))
}
