import { randomBytes } from 'node:crypto'
import { createMetrics } from '@heirloom/http-service'
import { EXAMPLE_REALM } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/postgres/database.ts'
import { register } from '../../src/services/accounts/register.ts'
import { logIn } from '../../src/services/sessions/log-in.ts'
import { refresh } from '../../src/services/sessions/refresh.ts'
import { type ServerParts, wire } from '../../src/wiring.ts'
import { adminOn } from '../support/admin.ts'
import { PASSWORD } from '../support/server.ts'

let parts: ServerParts
let database: ReturnType<typeof openDatabase>
beforeAll(async () => {
  const { databaseUrl, redisUrl } = await testStores()
  const config = readConfig({
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    REALM_FILE: EXAMPLE_REALM,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
    DATABASE_STATEMENT_TIMEOUT_MS: '10000',
  })
  parts = await wire(config, pino({ level: 'silent' }), createMetrics())
  database = openDatabase({ url: databaseUrl, poolSize: 1, statementTimeoutMs: 10_000 })
  await register(parts.core, { username: 'ada', password: PASSWORD, roles: ['user'] })
  for (const id of ['one', 'two'])
    await admin(
      'client',
      'add',
      id,
      '--first-party',
      '--grant',
      'login',
      '--grant',
      'refresh_token',
      '--resource',
      'resource-api',
    )
})
afterAll(() => Promise.all([parts.close(), database.$disconnect()]))

const admin = (...args: string[]) => adminOn(parts, ...args)

const logInAs = (clientId: string) =>
  logIn(parts.core, { username: 'ada', password: PASSWORD, ip: '127.0.0.1', device: null, clientId })
const tokenOf = async (clientId: string) => {
  const answer = await logInAs(clientId)
  if (!answer.ok) throw new Error(answer.description)
  return answer.refresh_token
}
const refreshed = (text: string) => refresh(parts.core, { token: parts.core.refreshTokens.parse(text), takes: 'json' })

test('a client with a secret is told it once, and only its hash is stored', async () => {
  const options = ['--auth', 'client_secret_basic', '--grant', 'client_credentials', '--resource', 'resource-api']
  const added = await admin('client', 'add', 'reporter', ...options, '--scope', 'reports:read')
  expect(added).toMatchObject({
    id: 'reporter',
    secrets: 1,
    grants: ['client_credentials'],
    scopes: ['reports:read'],
    every_server_follows_within_seconds: 5,
  })
  expect(added.client_secret).toMatch(/^[\w-]{43}$/)
  expect(await admin('client', 'show', 'reporter')).not.toHaveProperty('client_secret')
  expect(await admin('realm', 'export')).not.toContain(added.client_secret)

  const rotated = await admin('client', 'rotate-secret', 'reporter')
  expect(rotated).toMatchObject({ secrets: 2 })
  expect(rotated.client_secret).not.toBe(added.client_secret)
  const hashes = async () => (await database.realmClient.findFirstOrThrow({ where: { id: 'reporter' } })).secretSha256
  const [newest] = await hashes()
  expect(await admin('client', 'rotate-secret', 'reporter', '--retire-old')).toMatchObject({ secrets: 1 })
  expect(await hashes()).toEqual([newest])
})

test('an origin whose pages would get no cookie is told at once', async () => {
  const origin = 'https://app.elsewhere.example'
  const warning = expect.stringMatching(
    /^clients\.pages\.origins\[0\] is "https:\/\/app\.elsewhere\.example", another site than /,
  )
  const added = await admin('client', 'add', 'pages', '--grant', 'login', '--first-party', '--origin', origin)
  expect(added.warnings).toEqual([warning])
  expect(await admin('client', 'add', 'pages-by-code', '--origin', origin)).not.toHaveProperty('warnings')
  await admin('client', 'remove', 'pages')
})

test('disabling a client ends its sessions for good, also when it is enabled again', async () => {
  const [ours, ofAnother] = [await tokenOf('one'), await tokenOf('two')]
  const disabled = await admin('client', 'disable', 'one')
  expect(disabled).toMatchObject({ disabled: true, sessions_ended: 1, ended_before: expect.stringMatching(/^20/) })
  const [family] = await database.family.findMany({ where: { clientId: 'one' } })
  expect(family?.revokedReason).toBe('client_disabled')
  expect(await logInAs('one')).toMatchObject({ error: 'invalid_client' })
  const enabled = await admin('client', 'enable', 'one')
  expect(enabled).toMatchObject({ disabled: false })
  // It only grows: what a server that had not followed issued meanwhile is over, too.
  expect(Date.parse(enabled.ended_before)).toBeGreaterThanOrEqual(Date.parse(disabled.ended_before))
  expect(await refreshed(ours)).toMatchObject({ error: 'invalid_grant' })
  expect(await refreshed(ofAnother)).toMatchObject({ ok: true })
  expect(await logInAs('one')).toMatchObject({ ok: true })
})

test('removing a client ends its sessions, also if the command was interrupted before', async () => {
  const token = await tokenOf('two')
  // What an interrupted command leaves: the client is disabled, and its sessions are not revoked.
  await database.$executeRaw`
    UPDATE clients SET disabled = true, ended_before = clock_timestamp(), is_ending = true WHERE id = 'two'`
  expect(await admin('client', 'remove', 'two')).toMatchObject({ removed: 'two' })
  expect(await database.family.count({ where: { clientId: 'two', revokedAt: null } })).toBe(0)
  expect(await refreshed(token)).toMatchObject({ error: 'invalid_grant' })
  expect((await admin('client', 'list')).clients).not.toContainEqual(expect.objectContaining({ id: 'two' }))
})

test('the default client cannot be removed, and its sessions go on', async () => {
  const token = await tokenOf('web')
  await expect(admin('client', 'remove', 'web')).rejects.toThrow('default_client is "web", and there is no such client')
  expect(await refreshed(token)).toMatchObject({ ok: true })
})

test('resources and roles are added, listed and removed, and what is still named cannot go', async () => {
  const id = 'https://files.example/api'
  const scopes = ['--scope', 'files:read=Read files', '--scope', 'files:write=Write = change']
  expect(await admin('resource', 'add', id, ...scopes)).toMatchObject({
    id,
    scopes: { 'files:read': 'Read files', 'files:write': 'Write = change' },
  })
  expect(await admin('role', 'set', 'filer', 'files:read')).toMatchObject({ name: 'filer' })
  await expect(admin('resource', 'remove', id)).rejects.toThrow(
    'roles.filer[0] is "files:read", which is no scope of any resource\nnothing was changed',
  )
  expect((await admin('role', 'list')).roles).toHaveLength(4)
  await admin('role', 'remove', 'filer')
  await admin('resource', 'remove', id)
  expect((await admin('role', 'list')).roles).toHaveLength(3)
  expect((await admin('resource', 'list')).resources).toMatchObject([{ id: 'resource-api' }])
})

describe('a mistake is told, and changes nothing', () => {
  test.each([
    [['client', 'add', 'web'], 'there is a client "web" already'],
    [['client', 'show', 'nobody'], 'there is no client "nobody"'],
    [['client', 'disable', 'nobody'], 'there is no client "nobody"'],
    [['client', 'remove', 'nobody'], 'there is no client "nobody"'],
    [['client', 'add', 'a b'], 'clients["a b"] must have an id of up to 200 printable ASCII characters without spaces'],
    [
      ['client', 'add', 'x', '--auth', 'basic'],
      'clients.x.auth must be one of none, client_secret_basic, client_secret_post',
    ],
    [
      ['client', 'add', 'x', '--grant', 'login'],
      'clients.x.grants[0] is login, which only first-party clients may have',
    ],
    [['client', 'rotate-secret', 'web'], 'clients.web.secret_sha256 is for clients with a secret, and `auth` is none'],
    [['role', 'remove', 'user'], 'default_roles[0] is "user", and there is no such role'],
    [['role', 'set', 'r', 'x:y'], 'roles.r[0] is "x:y", which is no scope of any resource'],
    [['resource', 'add', 'r', '--scope', 'words'], '--scope "words" must be NAME=WORDS'],
    [['resource', 'add', 'resource-api', '--scope', 'a=b'], 'there is a resource "resource-api" already'],
    [
      ['realm', 'apply', '/nowhere.yaml'],
      "the file cannot be read: ENOENT: no such file or directory, open '/nowhere.yaml'",
    ],
  ])('%j', async (args, line) => {
    const before = await admin('realm', 'export')
    const error: Error = await admin(...args).catch((thrown: Error) => thrown)
    expect(error.message.split('\n')[0]).toBe(line)
    expect(await admin('realm', 'export')).toBe(before)
  })
})
