import { beforeAll, expect, test } from 'vitest'
import { type AdminServer, adminServer } from '../support/admin-server.ts'
import { PASSWORD } from '../support/server.ts'

const ANOTHER = 'an even longer and quieter walk'

let server: AdminServer
beforeAll(async () => {
  server = await adminServer()
})

const add = async (username: string) =>
  (await server.admin('POST', '/users', { username, password: PASSWORD, require_new_password: true })).body
const login = (username: string, more: object = {}) =>
  server.call('POST', '/auth/login', { username, password: PASSWORD, ...more })

test('a user who must choose a new password is told so, and logs in with it', async () => {
  const { id } = await add('ada')
  expect(await login('ada')).toMatchObject({ status: 403, body: { error: 'new_password_required' } })
  expect(await login('ada', { new_password: 'short' })).toMatchObject({ status: 400 })
  expect(await login('ada', { new_password: PASSWORD })).toMatchObject({ status: 400 })
  expect((await login('ada')).status).toBe(403)
  expect((await login('ada', { new_password: ANOTHER })).status).toBe(200)
  expect((await login('ada')).status).toBe(401)
  expect((await login('ada', { password: ANOTHER })).status).toBe(200)
  expect((await server.admin('GET', `/users/${id}`)).body.require_new_password).toBe(false)
})

test('a wrong password tells nobody that a new one is required, or sets one', async () => {
  await add('bob')
  const wrong = await login('bob', { password: 'wrong', new_password: ANOTHER })
  expect(wrong).toMatchObject({ status: 401, body: { error: 'invalid_credentials' } })
  expect((await login('bob')).status).toBe(403)
})

test('a new password at a login ends the sessions of before', async () => {
  const { id } = (await server.admin('POST', '/users', { username: 'cyd', password: PASSWORD })).body
  const { refresh_token } = (await login('cyd')).body
  // It is required at the next login: sessions go on.
  await server.admin('PATCH', `/users/${id}`, { require_new_password: true })
  const refreshed = await server.call('POST', '/auth/refresh', { refresh_token })
  expect(refreshed.status).toBe(200)
  await login('cyd', { new_password: ANOTHER })
  const { refresh_token: newest } = refreshed.body
  expect((await server.call('POST', '/auth/refresh', { refresh_token: newest })).body.error).toBe('invalid_grant')
})
