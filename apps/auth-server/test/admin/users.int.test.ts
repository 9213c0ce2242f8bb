import { beforeAll, expect, test, vi } from 'vitest'
import { ADMINISTRATION } from '../../src/rules/administration.ts'
import { type AdminServer, adminServer } from '../support/admin-server.ts'
import { PASSWORD, bearer } from '../support/server.ts'
import { openStores } from '../support/stores.ts'

const NOBODY = '8c8f3c2e-0000-4000-8000-000000000000'
const ANOTHER = 'an even longer and quieter walk'

let server: AdminServer
let stores: ReturnType<typeof openStores>
beforeAll(async () => {
  server = await adminServer()
  stores = openStores(server)
})

const add = async (username: string, more: object = {}) =>
  (await server.admin('POST', '/users', { username, password: PASSWORD, ...more })).body
const login = (username: string, password = PASSWORD) => server.call('POST', '/auth/login', { username, password })
/** Events are written in batches, after the answer. */
const eventOf = (userId: string, type: string) =>
  vi.waitFor(
    () => stores.database.securityEvent.findFirstOrThrow({ where: { userId, type }, orderBy: { id: 'desc' } }),
    5_000,
  )

test('a user is added with all that is known, shown as that, and logs in', async () => {
  const fields = { email: 'Ada@Example.org', roles: ['helpdesk'], attributes: { plan: 'pro', seats: [1, 2] } }
  const added = await server.admin('POST', '/users', { username: 'Ada', password: PASSWORD, ...fields })
  expect(added).toMatchObject({
    status: 201,
    body: { username: 'Ada', ...fields, disabled: false, has_password: true },
  })
  expect(added.body).not.toHaveProperty('password')
  expect((await server.admin('GET', `/users/${added.body.id}`)).body).toEqual(added.body)
  expect((await server.admin('GET', `/users/${added.body.id.toUpperCase()}`)).body).toEqual(added.body)
  expect((await login('ada')).status).toBe(200)
  expect((await eventOf(added.body.id, 'registered')).detail).toEqual({ by: 'client:ops' })
})

test('a generated password is answered once and works; a user without one cannot log in with any', async () => {
  const { body } = await server.admin('POST', '/users', { username: 'gen' })
  expect((await login('gen', body.password)).status).toBe(200)
  expect((await server.admin('GET', `/users/${body.id}`)).body).not.toHaveProperty('password')
  expect(await add('without', { password: null })).toMatchObject({ has_password: false })
  expect((await login('without')).body.error).toBe('invalid_credentials')
})

test.each([
  ['a taken name', { username: 'ADA' }, 409, 'username_taken'],
  ['a weak password', { password: 'short' }, 400, 'invalid_request'],
  ['a name with a space', { username: 'a b' }, 400, 'invalid_request'],
  ['an unknown role', { roles: ['king'] }, 400, 'invalid_request'],
  ['an address that is none', { email: 'nobody' }, 400, 'invalid_request'],
  ['an attribute of a reserved name', { attributes: { password: 'x' } }, 400, 'invalid_request'],
  ['attributes that are too large', { attributes: { a: 'x'.repeat(5_000) } }, 400, 'invalid_request'],
  ['attributes that are no object', { attributes: [] }, 400, 'invalid_request'],
])('%s is refused, and nobody is added', async (_name, wrong, status, error) => {
  const before = await stores.database.user.count()
  const answer = await server.admin('POST', '/users', { username: 'new', password: PASSWORD, ...wrong })
  expect(answer).toMatchObject({ status, body: { error } })
  expect(await stores.database.user.count()).toBe(before)
})

test('users are found by the beginning of their name and by address, in pages without gap or repeat', async () => {
  for (const name of ['pat-1', 'Pat-2', 'PAT-3', 'paz']) await add(name, { email: `${name}@mail.example` })
  const names: string[] = []
  for (let after: string | undefined = ''; after !== undefined;) {
    const { body } = await server.admin('GET', `/users?username=pAT&limit=2${after && `&after=${after}`}`)
    names.push(...body.users.map((user: { username: string }) => user.username))
    after = body.next
  }
  expect(names).toEqual(['pat-1', 'Pat-2', 'PAT-3'])
  expect((await server.admin('GET', '/users?email=pAt-2@mail.example')).body.users).toMatchObject([
    { username: 'Pat-2' },
  ])
  expect((await server.admin('GET', '/users?username=%25')).body).toEqual({ users: [] })
  expect((await server.admin('GET', '/users?after=%00')).status).toBe(400)
  expect((await server.admin('GET', '/users?limit=101')).status).toBe(400)
  const all = (await server.admin('GET', '/users')).body.users
  expect(all.length).toBe(await stores.database.user.count())
  expect((await server.command('', 'user', 'find', 'pat', '--limit', '1')).answer).toMatchObject({ next: 'pat-1' })
  expect((await server.command('', 'user', 'list')).answer.users).toEqual(all)
})

test('what is changed replaces what was there, the rest stays, and the event says what and who', async () => {
  const { id } = await add('change', { email: 'c@mail.example', attributes: { a: 1, b: 2 } })
  const changed = await server.admin('PATCH', `/users/${id}`, { attributes: { b: 3 }, roles: ['helpdesk', 'helpdesk'] })
  expect(changed.body).toMatchObject({ email: 'c@mail.example', attributes: { b: 3 }, roles: ['helpdesk'] })
  expect((await eventOf(id, 'account_changed')).detail).toEqual({
    members: 'attributes roles',
    roles: 'helpdesk',
    by: 'client:ops',
  })
  await server.command('', 'user', 'change', 'change', '--no-email')
  expect((await server.admin('GET', `/users/${id}`)).body).toMatchObject({ email: null, roles: ['helpdesk'] })
  expect((await eventOf(id, 'account_changed')).detail).toMatchObject({ by: expect.stringMatching(/^command:./) })
  expect((await server.admin('PATCH', `/users/${id}`, { roles: ['king'], email: 'd@mail.example' })).status).toBe(400)
  expect((await server.admin('GET', `/users/${id}`)).body.email).toBeNull()
})

test('a password that is set ends all sessions and lifts the lockout', async () => {
  const { id } = await add('forgot')
  const { refresh_token } = (await login('forgot')).body
  for (let i = 0; i < 11; i++) await login('forgot', 'wrong')
  expect((await login('forgot')).status).toBe(429)
  const set = await server.admin('PUT', `/users/${id}/password`, { password: ANOTHER })
  expect(set).toMatchObject({ status: 200, body: { sessions_ended: 1 } })
  expect((await server.call('POST', '/auth/refresh', { refresh_token })).body.error).toBe('invalid_grant')
  expect((await login('forgot')).status).toBe(401)
  expect((await login('forgot', ANOTHER)).status).toBe(200)
  expect((await eventOf(id, 'password_changed')).detail).toEqual({ by: 'client:ops' })
  expect((await server.admin('PUT', `/users/${id}/password`, { password: 'short' })).status).toBe(400)
  const generated = await server.command('', 'user', 'password', 'forgot')
  expect((await login('forgot', generated.answer.password)).status).toBe(200)
})

test('a lockout is lifted without another password', async () => {
  const { id } = await add('locked')
  // From an address that the account knows, and from one that it does not.
  await login('locked')
  for (let i = 0; i < 11; i++) await login('locked', 'wrong')
  expect((await login('locked')).status).toBe(429)
  expect((await server.admin('POST', `/users/${id}/unlock`)).status).toBe(200)
  expect((await login('locked')).status).toBe(200)
  expect((await eventOf(id, 'lockout_lifted')).detail).toEqual({ by: 'client:ops' })
})

test('a disabled user is refused and has no session; once enabled, the user logs in again', async () => {
  const { id } = await add('off')
  const { refresh_token } = (await login('off')).body
  expect((await server.admin('POST', `/users/${id}/disable`)).body).toMatchObject({ disabled: true, sessions_ended: 1 })
  expect((await server.call('POST', '/auth/refresh', { refresh_token })).body.error).toBe('invalid_grant')
  expect((await login('off')).status).toBe(401)
  expect((await server.admin('POST', `/users/${id}/enable`)).body).toMatchObject({ disabled: false })
  expect((await login('off')).status).toBe(200)
})

test.each([
  ['GET', ''],
  ['PATCH', ''],
  ['PUT', '/password'],
  ['POST', '/disable'],
  ['POST', '/enable'],
  ['POST', '/unlock'],
  ['GET', '/export'],
  ['DELETE', ''],
])('%s /admin/users/{id}%s answers 404 for a user who is not there', async (method, path) => {
  const body = method === 'PATCH' || method === 'PUT' ? {} : undefined
  for (const id of [NOBODY, 'ada', '%00', "'"]) {
    expect((await server.admin(method, `/users/${id}${path}`, body)).body).toMatchObject({ error: 'not_found' })
  }
})

test('a helpdesk cannot make itself an administrator, or take an administrator’s account', async () => {
  const helpdesk = bearer(await server.clientToken('helpdesk'))
  const call = (method: string, path: string, body?: unknown) =>
    server.call(method, `/admin/users${path}`, body, helpdesk)
  const { id: administrator } = await add('boss', { roles: ['admin'] })
  const { id: colleague } = await add('colleague', { roles: ['helpdesk'] })
  const before = await stores.database.user.findMany({ orderBy: { id: 'asc' } })
  const refused = [
    call('POST', '', { username: 'evil', password: PASSWORD, roles: ['admin'] }),
    call('PATCH', `/${colleague}`, { roles: ['admin'] }),
    call('PATCH', `/${administrator}`, { email: 'evil@mail.example' }),
    call('PUT', `/${administrator}/password`, { password: ANOTHER }),
    call('POST', `/${administrator}/disable`),
    call('POST', `/${administrator}/unlock`),
  ]
  for (const answer of await Promise.all(refused))
    expect(answer).toMatchObject({ status: 403, body: { error: 'access_denied' } })
  expect(await stores.database.user.findMany({ orderBy: { id: 'asc' } })).toEqual(before)
  expect((await call('PATCH', `/${colleague}`, { roles: ['user'] })).status).toBe(200)
})

test('an administrator who is demoted cannot get back with the old token what the token names', async () => {
  const inConsole = { client_id: 'console', resource: ADMINISTRATION }
  const { id, tokens } = await server.userToken('demoted', ['admin'], inConsole)
  const { id: boss } = await add('chief', { roles: ['admin'] })
  await server.admin('PATCH', `/users/${id}`, { roles: ['helpdesk'] })
  const call = (method: string, path: string, body: object) =>
    server.call(method, `/admin/users/${path}`, body, bearer(tokens.access_token))
  for (const answer of [
    await call('PATCH', id, { roles: ['admin'] }),
    await call('PUT', `${boss}/password`, { password: ANOTHER }),
  ])
    expect(answer).toMatchObject({ status: 403, body: { error: 'access_denied' } })
  expect((await server.admin('GET', `/users/${id}`)).body.roles).toEqual(['helpdesk'])
  expect((await call('PATCH', id, { email: 'd@mail.example' })).status).toBe(200)
})

test('an export has all that is kept of a user, but no hash of the password', async () => {
  const { id } = await add('exported', { email: 'e@mail.example', attributes: { plan: 'pro' } })
  const { session_id } = (await login('exported')).body
  await stores.database.consent.create({
    data: { userId: id, clientId: 'web', resources: ['resource-api'], scopes: ['reports:read'] },
  })
  await eventOf(id, 'login')
  const exported = await server.admin('GET', `/users/${id}/export`)
  expect(exported.body).toMatchObject({
    user: { username: 'exported', email: 'e@mail.example', attributes: { plan: 'pro' } },
    sessions: [{ id: session_id, live: true, ip: '127.0.0.1' }],
    grants: [{ client_id: 'web', scopes: ['reports:read'] }],
    known_networks: ['127.0.0.1'],
    is_complete: true,
  })
  expect(exported.body.events.map(({ type }: { type: string }) => type)).toEqual(
    expect.arrayContaining(['registered', 'login']),
  )
  expect(exported.text).not.toContain('argon2')
  expect((await eventOf(id, 'user_exported')).detail).toEqual({ by: 'client:ops' })
})

test('a user is deleted by the call and by the command', async () => {
  const [one, two] = [await add('gone-1'), await add('gone-2')]
  await login('gone-1')
  expect(await server.admin('DELETE', `/users/${one.id}`)).toMatchObject({
    status: 200,
    body: { deleted: one.id, sessions_ended: 1 },
  })
  expect(await server.command('', 'user', 'delete', 'gone-2')).toMatchObject({
    code: 0,
    answer: { deleted: two.id, sessions_ended: 0 },
  })
  for (const { id } of [one, two]) expect((await server.admin('GET', `/users/${id}`)).status).toBe(404)
})
