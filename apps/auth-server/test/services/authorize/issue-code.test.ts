import { expect, test } from 'vitest'
import { authorizationCodes } from '../../../src/rules/authorization-code.ts'
import type { AuthorizeRequest } from '../../../src/rules/authorize-request.ts'
import { type Allowed } from '../../../src/rules/decide-authorize.ts'
import { EMPTY_STATE, type Family, type Revocation } from '../../../src/rules/family.ts'
import { realmOf } from '../../../src/rules/realm.ts'
import type { Core } from '../../../src/services/core.ts'
import type { SecurityEvent } from '../../../src/services/security-event.ts'
import { issueCode } from '../../../src/services/authorize/issue-code.ts'
import { openedAt } from '../../support/opened-at.ts'
import type { LoginFacts } from '../../../src/stores/family-store.ts'
import { aGrant } from '../../support/grant.ts'
import { aClient, aRealm } from '../../support/realm.ts'

const NOW = 1_800_000_000_000
const ACCOUNT = {
  id: 'U',
  username: 'ann',
  passwordHash: '',
  email: null,
  attributes: {},
  passwordChangeRequired: false,
  roles: ['reader'],
  disabled: false,
  version: 1,
  createdAt: new Date(NOW),
}
const PARENT: Family = {
  ...aGrant({ id: 'P', sid: 'the browser', expiresAt: 2 * NOW }),
  ...EMPTY_STATE,
  redeemedAt: NOW,
}
const ALLOWED: Allowed = { resources: ['files'], scopes: ['read'] }

interface Meanwhile {
  parent?: Partial<Family> | null
  consent?: Allowed | null
  /** The account as the opening finds it, the first time. */
  account?: Partial<typeof ACCOUNT>
  firstParty?: boolean
  logins?: number
}

/** Issues a code while something else happens, after the request was decided. */
async function issueWhile({ parent = {}, consent = ALLOWED, account = {}, firstParty = false, logins = 0 }: Meanwhile) {
  const client = aClient({ id: 'notes', firstParty, resources: ['files'], scopes: ['read'] })
  const realm = realmOf(aRealm(client))
  const events: SecurityEvent[] = []
  const opened: Family[] = []
  const revoked: Revocation[] = []
  let openings = 0
  const core = {
    config: {
      sessionLimits: { sessionsPerUser: 10, loginsPerUser: 10, windowMs: 60_000 },
      accessTokenTtlSeconds: 900,
      refreshAbsoluteTtlMs: 1_000_000,
      refreshPolicy: { idleMs: 100_000, graceMs: 10_000, lateRepeatGap: 8 },
    },
    realm: { current: () => realm },
    families: {
      openFor: async (...[opening, { version }]: Parameters<Core['families']['openFor']>): Promise<LoginFacts> => {
        const isFirst = openings++ === 0
        const current = { ...ACCOUNT, ...(isFirst && account) }
        const isSame = current.version === version && !current.disabled
        const family = isSame && logins === 0 ? openedAt(NOW, opening) : null
        if (family) opened.push(family)
        return { family, account: current, now: NOW, earlierLoginAt: logins > 0 ? NOW - 1 : null, surplus: [] }
      },
      load: async () => parent && { family: { ...PARENT, ...parent }, now: NOW },
      revoke: async (updates: { state: { revoked: Revocation | null } }[]) => {
        for (const { state } of updates) if (state.revoked) revoked.push(state.revoked)
      },
    },
    accounts: { keeper: () => async () => undefined, byId: async () => ACCOUNT },
    consents: { find: async () => consent },
    codes: authorizationCodes(['a secret of more than thirty-two bytes']),
    audit: (event: SecurityEvent) => events.push(event),
    seeStoreTime: () => undefined,
  } as unknown as Core
  const request: AuthorizeRequest = {
    client,
    redirectUri: 'https://notes.example/callback',
    state: undefined,
    resources: ['files'],
    scope: undefined,
    challenge: '',
    prompt: new Set(),
  }
  const session = { family: PARENT, generation: 1, account: ACCOUNT, now: NOW }
  const answer = await issueCode(core, request, session, NOW - 5_000, { device: null, ip: '::1' })
  const outcome = answer.ok ? 'code' : answer.error
  return { outcome, opened, revoked: revoked.map(({ reason }) => reason), events: events.map(({ type }) => type) }
}

test('a code is for a family that knows the browser it was opened from, and when the user logged in', async () => {
  const { outcome, opened, revoked, events } = await issueWhile({})
  expect(outcome).toBe('code')
  expect(opened).toMatchObject([{ clientId: 'notes', parent: 'the browser', authTime: NOW - 5_000, redeemed: 0 }])
  expect([revoked, events]).toEqual([[], ['authorized']])
})

test.each<[string, Meanwhile, string]>([
  ['the user logged out', { parent: { revoked: { at: NOW, reason: 'logout' } } }, 'logout'],
  ['the password was changed', { parent: { revoked: { at: NOW, reason: 'password_changed' } } }, 'password_changed'],
  ['the browser’s session was forgotten', { parent: null }, 'logout'],
  ['the consent was withdrawn', { consent: { resources: [], scopes: [] } }, 'consent_withdrawn'],
  ['the consent was deleted', { consent: null }, 'consent_withdrawn'],
  ['the user logged out of our own application’s browser', { firstParty: true, parent: null }, 'logout'],
])('%s while the session was opened: it ends, and there is no code', async (_, meanwhile, reason) => {
  const { outcome, opened, revoked } = await issueWhile(meanwhile)
  expect([outcome, opened.length, revoked]).toEqual(['access_denied', 1, [reason]])
})

test('roles that change while the session is opened are read again', async () => {
  const { outcome, opened } = await issueWhile({ account: { version: 2 } })
  expect([outcome, opened.length]).toEqual(['code', 1])
})

test.each<[string, Meanwhile, string]>([
  ['of a first-party client needs no consent', { firstParty: true, consent: null }, 'code'],
  ['beyond the logins of the user is none', { logins: 10 }, 'temporarily_unavailable'],
])('a code %s', async (_, meanwhile, outcome) => {
  expect((await issueWhile(meanwhile)).outcome).toBe(outcome)
})
