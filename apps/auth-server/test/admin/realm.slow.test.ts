import { startService } from '@heirloom/local-stack'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PASSWORD, type TestServer, testServer } from '../support/server.ts'
import { runAdmin, startAdmin } from '../support/admin.ts'
import { openStores } from '../support/stores.ts'

let server: TestServer
let stores: ReturnType<typeof openStores>
let second: Awaited<ReturnType<typeof startService>>
beforeAll(async () => {
  server = await testServer()
  stores = openStores(server)
  second = await startService({ script: 'apps/auth-server', env: server.env })
  afterAll(() => second.stop())
  await second.ready()
})

const admin = (...args: string[]) => runAdmin(server.env, '', ...args)
const apply = (file: string, ...args: string[]) => runAdmin(server.env, file, 'realm', 'apply', '-', ...args)
const exported = async () => (await admin('realm', 'export')).stdout
const version = async () => (await stores.database.realmRow.findFirstOrThrow()).version

const loginAs = async (client_id: string, url = server.service.url) =>
  fetch(`${url}/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'ada', password: PASSWORD, client_id }),
  })

const MOBILE = `
clients:
  mobile:
    first_party: true
    grants: [login, refresh_token]
    resources: [resource-api]
`

describe('realm apply', () => {
  test('what is exported can be applied, and changes nothing', async () => {
    const before = await version()
    const file = await exported()
    expect(await apply(file, '--prune')).toMatchObject({ code: 0, answer: { changes: [], sessions_ended: 0 } })
    expect(await version()).toBe(before)
    expect(await exported()).toBe(file)
  })

  test('a dry run says what would change, and changes nothing', async () => {
    const [before, file] = [await version(), await exported()]
    const { code, answer } = await apply(`${MOBILE}default_client: mobile\n`, '--dry-run')
    expect(code).toBe(0)
    expect(answer.applied).toBe(false)
    expect(answer.changes).toEqual([
      {
        change: 'added',
        row: 'client',
        id: 'mobile',
        members: expect.objectContaining({ scopes: { from: null, to: ['reports:read', 'reports:write'] } }),
      },
      { change: 'changed', row: 'realm', id: 'realm', members: { default_client: { from: 'web', to: 'mobile' } } },
    ])
    expect(await version()).toBe(before)
    expect(await exported()).toBe(file)
  })

  test('all faults are reported with their lines, and nothing is changed', async () => {
    const [before, file] = [await version(), await exported()]
    const wrong = `roles:\n  user: [reports:raed]\n${MOBILE.trim()}\n    redirect_uri: https://a.example\n`
    expect(await apply(wrong)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: [
        'admin: standard input:8: clients.mobile.redirect_uri is unknown here; known are: name, auth, ' +
          'redirect_uris, grants, resources, scopes, origins, first_party, access_token_ttl_seconds, ' +
          'refresh_idle_ttl_seconds, refresh_absolute_ttl_seconds, refresh_grace_seconds, refresh_late_repeat_gap, secret_sha256, disabled',
        'admin: standard input:2: roles.user[0] is "reports:raed", which is no scope of any resource',
        'admin: nothing was changed\n',
      ].join('\n'),
    })
    expect(await version()).toBe(before)
    expect(await exported()).toBe(file)
  })

  test('every server follows a change, and without --prune what is not in the file stays', async () => {
    await server.call('POST', '/auth/register', { username: 'ada', password: PASSWORD })
    expect((await loginAs('mobile')).status).toBe(400)
    expect(await apply(MOBILE)).toMatchObject({ code: 0, answer: { applied: true } })
    for (const url of [server.service.url, second.url])
      await expect.poll(async () => (await loginAs('mobile', url)).status, { timeout: 20_000 }).toBe(200)
    expect((await loginAs('web')).status).toBe(200)
  })

  test('with --prune a client that is not in the file goes, and its sessions end', async () => {
    const { refresh_token } = (await (await loginAs('mobile')).json()) as { refresh_token: string }
    const file = await exported()
    const pruned = file.replace(/^ {2}mobile:\n(?: {4}.*\n)+/m, '')
    expect(pruned).not.toBe(file)
    const { answer } = await apply(pruned, '--prune')
    expect(answer).toMatchObject({ changes: [{ change: 'removed', row: 'client', id: 'mobile' }] })
    expect(answer.sessions_ended).toBeGreaterThan(0)
    const live = await stores.database.family.count({ where: { clientId: 'mobile', revokedAt: null } })
    expect(live).toBe(0)
    const refused = await server.call('POST', '/auth/refresh', { refresh_token })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(await stores.database.securityEvent.count({ where: { type: 'realm_changed' } })).toBeGreaterThan(0)
  })

  test('two that apply at once come one after the other, and neither loses what the other did', async () => {
    const files = ['one', 'two', 'three'].map((id) => MOBILE.replace('mobile', id))
    const results = await Promise.all(files.map((file) => apply(file)))
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0])
    const { clients } = (await admin('client', 'list')).answer
    expect(clients.map(({ id }: { id: string }) => id)).toEqual(['one', 'three', 'two', 'web'])
  })
})

/** A realm with another client, and a session of it. */
async function withSessionOf(id: string) {
  const before = await exported()
  expect(await apply(MOBILE.replace('mobile', id))).toMatchObject({ code: 0 })
  await expect.poll(async () => (await loginAs(id)).status, { timeout: 20_000 }).toBe(200)
  return { before, after: await exported() }
}
const notRevoked = (clientId: string) => stores.database.family.count({ where: { clientId, revokedAt: null } })
const found = (id: string) => stores.database.realmClient.findUnique({ where: { id } })

describe('a command that is killed before it has revoked the sessions of a client', () => {
  test.each([
    ['that is pruned', (_: string, { before }: { before: string }) => [before, '--prune']],
    ['that is disabled', (id: string) => [`${MOBILE.replace('mobile', id)}    disabled: true\n`]],
  ])('%s, is finished by the same command', { timeout: 120_000 }, async (how, argumentsOf) => {
    const id = how.replaceAll(' ', '-')
    const [file = '', ...options] = argumentsOf(id, await withSessionOf(id))
    const killed = startAdmin(server.env, file, 'realm', 'apply', '-', ...options)
    // It waits until every server has followed.
    await expect.poll(async () => (await found(id))?.disabled, { timeout: 30_000 }).toBe(true)
    killed.kill('SIGKILL')
    expect(await notRevoked(id)).toBeGreaterThan(0)

    expect(await apply(file, ...options)).toMatchObject({ code: 0 })
    expect(await notRevoked(id)).toBe(0)
    expect(await found(id)).toEqual(how === 'that is pruned' ? null : expect.objectContaining({ isEnding: false }))
  })

  test('is finished by any other that changes the realm', { timeout: 120_000 }, async () => {
    await withSessionOf('left')
    const killed = startAdmin(server.env, '', 'client', 'disable', 'left')
    await expect.poll(async () => (await found('left'))?.disabled, { timeout: 30_000 }).toBe(true)
    killed.kill('SIGKILL')
    expect(await notRevoked('left')).toBeGreaterThan(0)
    // Enabled again: the sessions from before are over, and one that is opened now goes on.
    expect(await admin('client', 'enable', 'left')).toMatchObject({ code: 0 })
    expect(await notRevoked('left')).toBe(0)
    await expect.poll(async () => (await loginAs('left')).status, { timeout: 20_000 }).toBe(200)
    expect(await admin('role', 'set', 'guest', 'reports:read')).toMatchObject({ code: 0 })
    expect(await notRevoked('left')).toBe(1)
  })
})
