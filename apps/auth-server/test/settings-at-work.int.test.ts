import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { DELIVERIES } from './support/by-cookie.ts'
import { PASSWORD, type TestServer, bearer, testServer } from './support/server.ts'

describe.each(DELIVERIES)('without REDIS_URL, a refresh token %s', (_where, reach) => {
  let server: TestServer
  beforeAll(async () => {
    server = reach(await testServer({ REDIS_URL: '' }))
  })
  const refresh = (refresh_token: string) => server.call('POST', '/auth/refresh', { refresh_token })

  test('Postgres alone gives the same guarantees', async () => {
    const { tokens } = await server.login()
    const answers = await Promise.all(Array.from({ length: 100 }, () => refresh(tokens.refresh_token)))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1)

    const third = (await refresh(answers[0]?.body.refresh_token)).body
    expect((await refresh(tokens.refresh_token)).body.error).toBe('invalid_grant')
    expect((await refresh(third.refresh_token)).body.error).toBe('invalid_grant')
  })

  test('a logout ends the session for good', async () => {
    const { tokens } = await server.login()
    expect((await server.call('POST', '/auth/logout', { refresh_token: tokens.refresh_token })).status).toBe(204)
    expect((await refresh(tokens.refresh_token)).body.error).toBe('invalid_grant')
  })
})

describe('lifetimes and proxies', () => {
  let server: TestServer
  beforeAll(async () => {
    const realmFile = join(inject('runFolder'), 'two-clients.yaml')
    const client = (id: string) =>
      `  ${id}: { first_party: true, grants: [login, refresh_token], resources: [api, auth-server] }\n`
    writeFileSync(
      realmFile,
      `resources: { api: { scopes: { 'api:use': Use it } } }\nroles: { user: ['api:use'] }\ndefault_roles: [user]\nclients:\n${client('web')}${client('app')}default_client: app\n`,
    )
    server = await testServer({
      TRUSTED_PROXIES: '127.0.0.0/8',
      REFRESH_GRACE_SECONDS: '0',
      REFRESH_LATE_REPEAT_GAP: 'off',
      REALM_FILE: realmFile,
      OPS_PORT: '',
      REGISTRATION: 'open',
    })
  })

  test('the stored address is the one that a trusted proxy names', async () => {
    const { username } = await server.login()
    const from = { 'x-forwarded-for': '203.0.113.9, 198.51.100.7' }
    const { body } = await server.call('POST', '/auth/login', { username, password: PASSWORD }, from)
    const { sessions } = (await server.call('GET', '/auth/sessions', undefined, bearer(body.access_token))).body
    expect(sessions[0].ip).toBe('198.51.100.7')
  })

  test('a login that names no client gets the default of the realm file', async () => {
    const { tokens } = await server.login()
    const claims = JSON.parse(Buffer.from(tokens.access_token.split('.')[1], 'base64url').toString())
    expect(claims.client_id).toBe('app')
  })

  test.each(DELIVERIES)('no grace and no late repeat: a token %s works once', async (_where, reach) => {
    const { tokens } = await reach(server).login({ client_id: 'web' })
    const again = () => reach(server).call('POST', '/auth/refresh', { refresh_token: tokens.refresh_token })
    expect((await again()).status).toBe(200)
    expect((await again()).body.error).toBe('invalid_grant')
  })
})

test('a session that is not used expires, at the time that was announced', async () => {
  const server = await testServer({ REFRESH_IDLE_TTL_SECONDS: '2' })
  const { tokens } = await server.login()
  expect(tokens.refresh_token_expires_in).toBe(2)
  const idle = async () => (await server.call('GET', '/auth/sessions', undefined, bearer(tokens.access_token))).status
  await expect.poll(idle).toBe(401)
  const { refresh_token } = tokens
  expect((await server.call('POST', '/auth/refresh', { refresh_token })).body.error).toBe('invalid_grant')
})
