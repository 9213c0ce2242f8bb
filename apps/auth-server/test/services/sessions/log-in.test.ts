import { expect, test } from 'vitest'
import type { SecurityEvent } from '../../../src/services/security-event.ts'
import { logIn } from '../../../src/services/sessions/log-in.ts'
import { realmOf } from '../../../src/rules/realm.ts'
import { exampleRealm } from '../../support/example-realm.ts'
import type { Family } from '../../../src/rules/family.ts'
import { openedAt } from '../../support/opened-at.ts'
import type { Account } from '../../../src/stores/accounts.ts'

const REALM = realmOf(exampleRealm())

const ADA: Account = {
  id: 'U',
  username: 'ada',
  passwordHash: 'right',
  email: null,
  attributes: {},
  passwordChangeRequired: false,
  createdAt: new Date(0),
  version: 1,
  roles: ['user'],
  disabled: false,
}

/**
 * Logs in while the account changes.
 * @param versions the account each time that it is read: for the password, when the session is opened, and so on. The last
 * one stays.
 */
async function logInWhile(...versions: [Account, ...(Account | null)[]]) {
  const read = () => (versions.length > 1 ? versions.shift() : versions[0]) ?? null
  const opened: Family[] = []
  const events: SecurityEvent[] = []
  const answer = await logIn(
    {
      config: {
        issuer: 'https://a',
        accessTokenTtlSeconds: 900,
        statusTtlSeconds: 5,
        refreshAbsoluteTtlMs: 1_000_000,
        refreshPolicy: { idleMs: 1_000, graceMs: 0, lateRepeatGap: null },
        refusedLoginStepMs: 0,
        passwordPolicy: { minLength: 1 },
        sessionLimits: { sessionsPerUser: 9, loginsPerUser: 9, windowMs: 1_000 },
      },
      realm: { current: () => REALM },
      accounts: {
        byName: async () => read(),
        replaceHash: async () => undefined,
        change: async () => null,
        keeper: () => async () => undefined,
      },
      hasher: {
        assertRoom: async () => undefined,
        verify: async (hash, password) => hash === password,
        isCurrent: () => true,
        guesses: async () => 0,
        hash: async () => '',
      },
      throttle: {
        attempt: async () => ({ waitSeconds: null, succeeded: async () => undefined, takeBack: async () => undefined }),
      },
      families: {
        openFor: async (opening, { version }) => {
          const account = read()
          const isSame = account?.version === version && !account.disabled
          const family = isSame ? openedAt(5_000, opening) : null
          if (family) opened.push(family)
          return account && { family, account, now: 5_000, earlierLoginAt: null, surplus: [] }
        },
        revoke: async () => undefined,
      },
      sessions: { notRevoked: async () => ({ sessions: [], now: 5_000 }) },
      signer: { assertRoom: () => undefined, sign: async ({ roles }) => JSON.stringify(roles) },
      refreshTokens: { issue: (_family, generation) => String(generation) },
      audit: (event) => events.push(event),
      seeStoreTime: () => undefined,
    },
    { username: 'ada', password: 'right', ip: '127.0.0.1', device: null },
  )
  return { answer, opened, events: events.map((event) => ('reason' in event ? event.reason : event.type)) }
}

test('an unchanged account logs in', async () => {
  const { answer, opened, events } = await logInWhile(ADA)
  expect(answer).toMatchObject({ ok: true, refresh_token: '1', scope: 'reports:read' })
  expect([opened.length, events]).toEqual([1, ['login']])
})

test.each([
  ['disabled', { ...ADA, version: 2, disabled: true }, 'disabled'],
  ['disabled and enabled again, with another password', { ...ADA, version: 3, passwordHash: 'new' }, 'wrong_password'],
  ['deleted', null, 'unknown_user'],
])('an account that is %s after the password was checked opens no session', async (_what, changed, reason) => {
  const { answer, opened, events } = await logInWhile(ADA, changed)
  expect(answer).toMatchObject({ ok: false, error: 'invalid_credentials' })
  expect([opened, events.at(-1)]).toEqual([[], reason])
})

test('new roles apply, and the password is checked again', async () => {
  const { answer, events } = await logInWhile(ADA, { ...ADA, version: 2, roles: ['user', 'editor'] })
  expect(answer).toMatchObject({ ok: true, access_token: '["user","editor"]' })
  expect(events).toEqual(['changed_meanwhile', 'login'])
})

test('a login to an account that changes at each attempt is refused after two checks', async () => {
  const grown = [2, 3, 4, 5].map((version) => ({ ...ADA, version }))
  const { answer, opened, events } = await logInWhile(ADA, ...grown)
  expect(answer).toMatchObject({ ok: false, error: 'invalid_credentials' })
  expect([opened, events]).toEqual([[], ['changed_meanwhile', 'changed_meanwhile']])
})
