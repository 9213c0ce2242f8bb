import { beforeAll, describe, expect, test } from 'vitest'
import { OPERATIONS } from '../../src/operations/operations.ts'
import { ADMINISTRATION, ADMIN_SCOPES } from '../../src/rules/administration.ts'
import { type AdminServer, adminServer } from '../support/admin-server.ts'
import { bearer, testServer } from '../support/server.ts'
import { openStores } from '../support/stores.ts'

let server: AdminServer
let tables: () => Promise<string>
/** By the name of the mistake. */
const tokens: Record<string, string | undefined> = {}
beforeAll(async () => {
  server = await adminServer()
  const { database } = openStores(server)
  tables = async () => {
    const dumped = await database.$queryRaw`
      SELECT (SELECT json_agg(u ORDER BY id) FROM users u) AS users, (SELECT json_agg(c ORDER BY id) FROM clients c) AS clients,
        (SELECT json_agg(r ORDER BY id) FROM resources r) AS resources, (SELECT json_agg(r ORDER BY name) FROM roles r) AS roles,
        (SELECT json_agg(f ORDER BY id) FROM families f) AS families, (SELECT json_agg(k ORDER BY kid) FROM signing_keys k) AS keys,
        (SELECT json_agg(c ORDER BY id) FROM consents c) AS consents`
    return JSON.stringify(dumped)
  }
  const inConsole = { client_id: 'console' }
  const ofAdministration = { ...inConsole, resource: ADMINISTRATION }
  const administrator = await server.userToken('ada', ['admin'], ofAdministration)
  tokens['a user’s, for a service'] = (
    await server.userToken('bob', ['user'], { ...inConsole, resource: 'resource-api' })
  ).tokens.access_token
  tokens['the user’s own, for the account calls'] = (
    await server.userToken('cyd', ['admin'], { client_id: 'web', resource: server.env['ISSUER'] ?? server.service.url })
  ).tokens.access_token
  tokens['two audiences'] = (await server.userToken('dan', ['admin'], inConsole)).tokens.access_token
  tokens['another audience'] = await server.clientToken('reporter')
  tokens['of a session that ended'] = administrator.tokens.access_token
  await server.call('POST', '/auth/logout', { refresh_token: administrator.tokens.refresh_token })
  const demoted = await server.userToken('eve', ['admin'], ofAdministration)
  tokens['of a user who lost the role'] = demoted.tokens.access_token
  await server.admin('PATCH', `/users/${demoted.id}`, { roles: ['user'] })
  const disabled = await server.userToken('fay', ['admin'], ofAdministration)
  tokens['of a disabled user'] = disabled.tokens.access_token
  await server.admin('POST', `/users/${disabled.id}/disable`)
  tokens['not a token'] = 'x.y.z'
  tokens['none'] = undefined
})

test('the tokens are what their names say', () => {
  const audienceOf = (name: string) =>
    JSON.parse(Buffer.from(tokens[name]?.split('.')[1] ?? '', 'base64url').toString()).aud
  expect(audienceOf('two audiences')).toEqual([ADMINISTRATION, 'resource-api'])
  for (const name of ['of a disabled user', 'of a user who lost the role', 'of a session that ended'])
    expect(audienceOf(name)).toBe(ADMINISTRATION)
})

const NAMES = [
  'none',
  'not a token',
  'another audience',
  'two audiences',
  'a user’s, for a service',
  'the user’s own, for the account calls',
  'of a session that ended',
  'of a disabled user',
  'of a user who lost the role',
]

describe.each(OPERATIONS.map((one) => [`${one.method} /admin${one.path}`, one] as const))('%s', (_name, one) => {
  const path = `/admin${one.path.replaceAll(/\{\w+\}/g, '8c8f3c2e-0000-4000-8000-000000000000')}`
  const call = (token: string | undefined) =>
    server.call(one.method, path, one.body ? {} : undefined, token === undefined ? {} : bearer(token))

  test('refuses each wrong token, and changes nothing', async () => {
    const before = await tables()
    for (const name of NAMES) {
      const { status, headers, body } = await call(tokens[name])
      expect([name, status]).toEqual([name, name === 'of a user who lost the role' ? 403 : 401])
      expect([name, headers.get('www-authenticate')]).toEqual([name, expect.stringMatching(/^Bearer/)])
      if (name === 'of a user who lost the role') expect(body.error).toBe('insufficient_scope')
    }
    expect(await tables()).toBe(before)
  })

  test('refuses a client with every scope but its own', async () => {
    const before = await tables()
    for (const scope of ADMIN_SCOPES.filter((other) => other !== one.scope)) {
      const { status, headers } = await call(await server.clientToken('ops', scope))
      expect([scope, status]).toEqual([scope, 403])
      expect(headers.get('www-authenticate')).toContain(`scope="${one.scope}"`)
    }
    expect(await tables()).toBe(before)
  })

  test('takes a client and a user with the scope', async () => {
    // Neither 401 nor 403: what it does is shown elsewhere.
    const allowed = [await server.clientToken('ops', one.scope)]
    for (const token of allowed) expect([200, 201, 400, 404, 409]).toContain((await call(token)).status)
  })
})

test('a client that is disabled loses its tokens at once', async () => {
  const token = await server.clientToken('helpdesk')
  const call = () => server.call('GET', '/admin/users', undefined, bearer(token))
  expect((await call()).status).toBe(200)
  await server.command('', 'client', 'disable', 'helpdesk')
  expect((await call()).status).toBe(401)
}, 30_000)

test('a realm without the resource has no such calls', async () => {
  const bare = await testServer()
  const answer = await bare.call('GET', '/admin/users')
  expect(answer).toMatchObject({ status: 404, body: { error: 'not_found' } })
})
