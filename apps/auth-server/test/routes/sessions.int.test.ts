import { beforeAll, expect, test } from 'vitest'
import { PASSWORD, type TestServer, bearer, testServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})

const refresh = (refresh_token: string) => server.call('POST', '/auth/refresh', { refresh_token })

test('lists, ends one, and ends all', async () => {
  const { username, tokens: first } = await server.login({ device: 'phone' })
  const login = async () =>
    (await server.call('POST', '/auth/login', { username, password: PASSWORD, device: 'laptop' })).body
  const second = await login()
  const third = await login()
  const list = async (token: string) => server.call('GET', '/auth/sessions', undefined, bearer(token))

  const { body } = await list(second.access_token)
  expect(body.sessions.map(({ id, current, device }: Record<string, unknown>) => [id, current, device])).toEqual([
    [third.session_id, false, 'laptop'],
    [second.session_id, true, 'laptop'],
    [first.session_id, false, 'phone'],
  ])
  expect(Object.keys(body.sessions[0]).toSorted()).toEqual([
    'created_at',
    'current',
    'device',
    'expires_at',
    'id',
    'ip',
    'last_used_at',
  ])

  const end = (id: string) => server.call('DELETE', `/auth/sessions/${id}`, undefined, bearer(second.access_token))
  expect((await end(first.session_id)).status).toBe(204)
  expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant')
  expect((await list(first.access_token)).status).toBe(401)
  expect((await end('nonsense')).body.error).toBe('not_found')

  const stranger = await server.login()
  const { status } = await end(stranger.tokens.session_id)
  expect(status).toBe(404)
  expect((await refresh(stranger.tokens.refresh_token)).status).toBe(200)

  const headers = { ...bearer(second.access_token), 'content-type': 'application/json' }
  expect((await server.call('POST', '/auth/logout/all', undefined, headers)).status).toBe(204)
  expect((await refresh(second.refresh_token)).status).toBe(400)
  expect((await refresh(third.refresh_token)).status).toBe(400)
})
