import { beforeAll, expect, test, vi } from 'vitest'
import { ADMINISTRATION, ADMIN_SCOPES } from '../../src/rules/administration.ts'
import { type AdminServer, adminServer } from '../support/admin-server.ts'
import { basic } from '../support/basic.ts'
import { PASSWORD, bearer } from '../support/server.ts'
import { openStores } from '../support/stores.ts'

const URI = encodeURIComponent('https://files.example/api')

let server: AdminServer
let stores: ReturnType<typeof openStores>
beforeAll(async () => {
  server = await adminServer()
  stores = openStores(server)
})

const eventOf = (where: object) =>
  vi.waitFor(() => stores.database.securityEvent.findFirstOrThrow({ where, orderBy: { id: 'desc' } }), 5_000)

test('a resource, a role and a client are added, changed and removed, and each event says who did it', async () => {
  const resource = { resource_id: 'https://files.example/api', scopes: { 'files:read': 'Read files' } }
  expect(await server.admin('POST', '/resources', resource)).toMatchObject({
    status: 201,
    body: { name: resource.resource_id },
  })
  expect(await server.admin('POST', '/resources', resource)).toMatchObject({ status: 409, body: { error: 'conflict' } })
  const changed = await server.admin('PUT', `/resources/${URI}`, { ...resource, name: 'Files' })
  expect(changed.body).toMatchObject({ name: 'Files', scopes: resource.scopes })
  expect((await server.admin('PUT', '/roles/reader', { scopes: ['files:read'] })).body).toMatchObject({
    name: 'reader',
  })
  expect((await server.admin('PUT', '/roles/reader', { scopes: ['nothing'] })).body).toMatchObject({
    error: 'invalid_request',
    error_description: expect.stringContaining('which is no scope of any resource; nothing was changed'),
  })
  const client = {
    client_id: 'robot',
    auth: 'client_secret_basic',
    grants: ['client_credentials'],
    resources: [resource.resource_id],
    scopes: ['files:read'],
  }
  const added = await server.admin('POST', '/clients', client)
  expect(added).toMatchObject({
    status: 201,
    body: { id: 'robot', secrets: 1, client_secret: expect.stringMatching(/^[\w-]{43}$/) },
  })
  expect((await server.admin('POST', '/clients', client)).status).toBe(409)
  const where = { type: 'realm_changed', detail: { path: ['id'], equals: 'robot' } }
  expect((await eventOf(where)).detail).toMatchObject({ change: 'added', row: 'client', by: 'client:ops' })

  const named = await server.admin('PATCH', '/clients/robot', { name: 'Robot' })
  expect(named.body).toMatchObject({ name: 'Robot', scopes: ['files:read'], secrets: 1 })
  const rotated = await server.admin('POST', '/clients/robot/secret', {})
  expect(rotated.body).toMatchObject({ secrets: 2 })
  expect((await server.admin('POST', '/clients/robot/secret', { retire_old: true })).body).toMatchObject({ secrets: 1 })
  expect((await server.admin('GET', '/clients/robot')).text).not.toContain(rotated.body.client_secret)
  const token = () =>
    server.call('POST', '/oauth2/token', 'grant_type=client_credentials', {
      ...basic('robot', rotated.body.client_secret),
      'content-type': 'application/x-www-form-urlencoded',
    })
  await vi.waitFor(async () => expect((await token()).status).toBe(200), 15_000)
  expect((await server.admin('POST', '/clients/robot/disable')).body).toMatchObject({ disabled: true })
  expect((await token()).status).toBe(401)
  expect((await server.admin('POST', '/clients/robot/enable')).body).toMatchObject({ disabled: false })
  expect((await server.admin('DELETE', '/clients/robot')).body).toMatchObject({ removed: 'robot' })
  expect((await server.admin('DELETE', `/resources/${URI}`)).body.error_description).toContain('roles.reader')
  expect((await server.admin('DELETE', '/roles/reader')).status).toBe(200)
  expect((await server.admin('DELETE', `/resources/${URI}`)).status).toBe(200)
  for (const path of ['/clients/robot', '/roles/reader', `/resources/${URI}`])
    expect((await server.admin('DELETE', path)).body.error).toBe('not_found')
}, 60_000)

test('clients are listed in pages', async () => {
  const ids: string[] = []
  for (let after: string | undefined = ''; after !== undefined;) {
    const { body } = await server.admin('GET', `/clients?limit=2${after && `&after=${after}`}`)
    ids.push(...body.clients.map(({ id }: { id: string }) => id))
    after = body.next
  }
  expect(ids).toEqual(['console', 'helpdesk', 'ops', 'reporter', 'web'])
})

const WORDS = Object.fromEntries(ADMIN_SCOPES.map((scope) => [scope, scope]))

test('a caller who may change clients alone cannot take the other scopes', async () => {
  const alone = bearer(await server.clientToken('ops', 'admin:clients'))
  const before = (await server.admin('GET', '/clients')).body
  const call = (method: string, path: string, body?: unknown) => server.call(method, `/admin${path}`, body, alone)
  const evil = { resources: [ADMINISTRATION], auth: 'client_secret_basic', grants: ['client_credentials'] }
  const refused = [
    await call('POST', '/clients', { client_id: 'evil', ...evil, scopes: ['admin:users:write'] }),
    await call('POST', '/clients/ops/secret', {}),
    await call('DELETE', '/clients/helpdesk'),
    await call('PUT', '/roles/user', { scopes: ['reports:read', 'admin:keys'] }),
    await call('PUT', `/resources/${ADMINISTRATION}`, { scopes: WORDS, introspectors: ['reporter'] }),
  ]
  for (const answer of refused) expect(answer).toMatchObject({ status: 403, body: { error: 'access_denied' } })
  expect((await server.admin('GET', '/clients')).body).toEqual(before)
  const third = {
    client_id: 'third',
    resources: [ADMINISTRATION],
    scopes: ['admin:clients'],
    redirect_uris: ['https://a.example/'],
  }
  expect((await call('POST', '/clients', third)).body.error_description).toContain('only first-party clients may name')
})

test('a secret that the caller has chosen is refused, and so is a client that is disabled by the way', async () => {
  const fields = { auth: 'client_secret_basic', grants: ['client_credentials'] }
  for (const more of [{ secret_sha256: ['0'.repeat(64)] }, { disabled: true }, { nothing: 1 }]) {
    const [member] = Object.keys(more)
    const added = await server.admin('POST', '/clients', { client_id: 'chosen', ...fields, ...more })
    for (const answer of [added, await server.admin('PATCH', '/clients/reporter', more)])
      expect(answer).toMatchObject({
        status: 400,
        body: { error_description: expect.stringContaining(`'${member}' is unknown here`) },
      })
  }
  expect((await server.admin('GET', '/clients/chosen')).status).toBe(404)
  expect((await server.admin('GET', '/clients/reporter')).body).toMatchObject({ secrets: 1, disabled: false })
})

test('the sessions and grants of a user are shown and ended', async () => {
  const { body: user } = await server.admin('POST', '/users', { username: 'ada', password: PASSWORD })
  const login = async () => (await server.call('POST', '/auth/login', { username: 'ada', password: PASSWORD })).body
  const [first, second, third] = [await login(), await login(), await login()]
  await stores.database.consent.create({
    data: { userId: user.id, clientId: 'web', resources: ['resource-api'], scopes: ['reports:read'] },
  })
  const page = (await server.admin('GET', `/users/${user.id}/sessions?limit=2`)).body
  expect(page.sessions).toMatchObject([{ id: third.session_id, live: true }, { id: second.session_id }])
  const rest = await server.admin('GET', `/users/${user.id}/sessions?limit=2&after=${page.next}`)
  expect(rest.body).toMatchObject({ sessions: [{ id: first.session_id }] })
  const refresh = async ({ refresh_token }: { refresh_token: string }) =>
    (await server.call('POST', '/auth/refresh', { refresh_token })).status
  expect((await server.admin('DELETE', `/users/${user.id}/sessions/${first.session_id}`)).body).toEqual({
    sessions_ended: 1,
  })
  expect([await refresh(first), await refresh(second)]).toEqual([400, 200])
  const { grants } = (await server.admin('GET', `/users/${user.id}/grants`)).body
  expect(grants).toMatchObject([{ client_id: 'web', scopes: ['reports:read'] }])
  expect((await server.admin('DELETE', `/users/${user.id}/grants/${grants[0].id}`)).body).toMatchObject({
    client_id: 'web',
  })
  await login()
  expect((await server.admin('DELETE', `/users/${user.id}/sessions`)).body).toEqual({ sessions_ended: 1 })
  expect(
    (await eventOf({ type: 'revoked', userId: user.id, detail: { path: ['reason'], equals: 'admin' } })).detail,
  ).toMatchObject({
    by: 'client:ops',
  })
  for (const path of ['sessions/x', 'grants/x'])
    expect((await server.admin('DELETE', `/users/${user.id}/${path}`)).body.error).toBe('not_found')
})

test('keys are listed, made and removed, and the event says who made one', async () => {
  const [{ kid }] = (await server.admin('GET', '/keys')).body.keys
  const { keys } = (await server.admin('POST', '/keys')).body
  const coming = keys.find((key: { state: string }) => key.state === 'coming')
  expect((await server.admin('POST', '/keys')).body).toMatchObject({ error: 'conflict' })
  expect((await eventOf({ type: 'key_made', detail: { path: ['kid'], equals: coming.kid } })).detail).toMatchObject({
    by: 'client:ops',
  })
  expect((await server.admin('DELETE', `/keys/${coming.kid}`)).body.keys).toMatchObject([{ kid, state: 'signing' }])
  expect((await server.admin('DELETE', `/keys/${coming.kid}`)).body.error).toBe('not_found')
})

test('events are filtered by user, type and time, in pages without gap or repeat', async () => {
  const { body: user } = await server.admin('POST', '/users', { username: 'eve', password: PASSWORD })
  for (let i = 0; i < 5; i++) await server.admin('PATCH', `/users/${user.id}`, { attributes: { i } })
  await vi.waitFor(async () => {
    const { body } = await server.admin('GET', `/events?user_id=${user.id}`)
    expect(body.events).toHaveLength(6)
  }, 5_000)
  const types: string[] = []
  for (let after: string | undefined = ''; after !== undefined;) {
    const { body } = await server.admin('GET', `/events?user_id=${user.id}&limit=4${after && `&after=${after}`}`)
    types.push(...body.events.map(({ type }: { type: string }) => type))
    after = body.next
  }
  expect(types).toEqual([...Array.from({ length: 5 }, () => 'account_changed'), 'registered'])
  const registered = (await server.admin('GET', `/events?user_id=${user.id}&type=registered`)).body
  expect(registered).toMatchObject({
    events: [{ type: 'registered', by: 'client:ops', text: 'The account was created. By client:ops.' }],
  })
  expect(registered).not.toHaveProperty('next')
  const [{ at }] = registered.events
  const until = (await server.admin('GET', `/events?user_id=${user.id}&until=${at}`)).body
  expect(until.events).toEqual([])
  const since = (await server.admin('GET', `/events?user_id=${user.id}&since=${at}`)).body
  expect(since.events).toHaveLength(6)
  expect((await server.admin('GET', '/events?since=2030-99-99T99:99:99Z')).status).toBe(400)
  expect((await server.admin('GET', '/events?user_id=nobody')).body).toEqual({ events: [] })
})
