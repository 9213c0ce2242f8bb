import { EXAMPLE_REALM } from '@heirloom/local-stack'
import { randomBytes } from 'node:crypto'
import { createMetrics } from '@heirloom/http-service'
import { testStores } from '@heirloom/local-stack/testing'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ServerParts, wire } from '../../../src/wiring.ts'
import { readConfig } from '../../../src/config.ts'
import { changePassword } from '../../../src/services/accounts/change-password.ts'
import { logIn } from '../../../src/services/sessions/log-in.ts'
import { register } from '../../../src/services/accounts/register.ts'
import { endAllSessions } from '../../../src/services/sessions/sessions.ts'
import type { Account } from '../../../src/stores/accounts.ts'

const PASSWORD = 'a long and quiet walk'

let server: ServerParts
beforeAll(async () => {
  const { databaseUrl, redisUrl } = await testStores()
  const config = readConfig({
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    REALM_FILE: EXAMPLE_REALM,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
    DATABASE_STATEMENT_TIMEOUT_MS: '5000',
    REFUSED_LOGIN_STEP_MS: '0',
  })
  server = await wire(config, pino({ level: 'silent' }), createMetrics())
})
afterAll(() => server.close())

async function anEditor(username: string): Promise<Account> {
  const added = await register(server.core, { username, password: PASSWORD, roles: ['editor'] })
  if (!added.ok) throw new Error(added.description)
  return added.account
}

const asked = (username: string) => ({ username, password: PASSWORD, ip: '127.0.0.1', device: null })

/** The core, but something happens while a password is verified for the first time. */
function coreWhile(meanwhile: () => Promise<unknown>) {
  const { hasher } = server.core
  let happened = false
  return {
    ...server.core,
    hasher: {
      assertRoom: hasher.assertRoom.bind(hasher),
      isCurrent: hasher.isCurrent.bind(hasher),
      hash: hasher.hash.bind(hasher),
      guesses: hasher.guesses.bind(hasher),
      async verify(...args: Parameters<typeof hasher.verify>) {
        const matches = await hasher.verify(...args)
        if (!happened) await meanwhile()
        happened = true
        return matches
      },
    },
  }
}

async function logInWhile(username: string, meanwhile: (account: Account) => Promise<unknown>) {
  const account = await anEditor(username)
  return {
    account,
    answer: await logIn(
      coreWhile(() => meanwhile(account)),
      asked(username),
    ),
  }
}

const sessionsOf = ({ id }: Account) => server.core.sessions.ofUser(id, 10)

test('a role that is removed while the password is hashed is not in the token', async () => {
  const { answer } = await logInWhile('ada', ({ id }) => server.core.accounts.change(id, { roles: ['user'] }))
  if (!answer.ok) throw new Error(answer.description)
  const claims = JSON.parse(Buffer.from(answer.access_token.split('.')[1] ?? '', 'base64url').toString())
  expect([claims.roles, claims.scope, answer.scope]).toEqual([['user'], 'reports:read', 'reports:read'])
})

test('roles that no longer grant anything open no session', async () => {
  const { account, answer } = await logInWhile('bob', ({ id }) => server.core.accounts.change(id, { roles: [] }))
  expect(answer).toMatchObject({ ok: false, error: 'invalid_scope' })
  expect(await sessionsOf(account)).toEqual([])
})

test.each([
  ['disabled', { disabledAt: new Date() }],
  ['given another password', { passwordHash: 'another' }],
])('an account that is %s while the password is hashed opens no session', async (what, change) => {
  const { account, answer } = await logInWhile(what.replaceAll(' ', '-'), ({ id }) =>
    server.core.accounts.change(id, change),
  )
  expect(answer).toMatchObject({ ok: false, error: 'invalid_credentials' })
  expect(await sessionsOf(account)).toEqual([])
})

test('a session that is ended while the password is hashed changes no password', async () => {
  const account = await anEditor('cyd')
  const login = await logIn(server.core, asked('cyd'))
  if (!login.ok) throw new Error(login.description)
  const core = coreWhile(() => endAllSessions(server.core, account.id, 'logout_all'))
  const change = { ...asked('cyd'), newPassword: 'another long and quiet walk', sid: login.session_id }
  expect(await changePassword(core, change)).toMatchObject({ ok: false, error: 'invalid_credentials' })
  expect((await logIn(server.core, asked('cyd'))).ok).toBe(true)
})
