import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { beforeAll, expect, test, vi } from 'vitest'
import { ADMINISTRATION } from '../../src/rules/administration.ts'
import { type AdminServer, adminServer } from '../support/admin-server.ts'
import { PASSWORD, bearer } from '../support/server.ts'
import { openStores } from '../support/stores.ts'

const ANOTHER = 'an even longer and quieter walk'

let server: AdminServer
let stores: ReturnType<typeof openStores>
let helpdesk: Record<string, string>
beforeAll(async () => {
  server = await adminServer()
  stores = openStores(server)
  helpdesk = bearer(await server.clientToken('helpdesk'))
})

const stored = (id: string) => stores.database.user.findUniqueOrThrow({ where: { id } })
const waiting = async () => {
  const rows = await stores.database.$queryRaw<unknown[]>`
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  return rows.length
}

/** Sets roles in a transaction, which is not committed before `until` is done. */
const setRoles = (id: string, roles: string[], until: () => Promise<unknown>) =>
  stores.database.$transaction(
    async (transaction) => {
      await transaction.user.update({ where: { id }, data: { roles, version: { increment: 1 } } })
      await until()
    },
    { timeout: 20_000, maxWait: 20_000 },
  )

/** The answer to a call that was let in, and then waited until the user had other roles. */
async function whileRolesChange(id: string, roles: string[], call: () => ReturnType<AdminServer['call']>) {
  let answer: ReturnType<AdminServer['call']> | undefined
  await setRoles(id, roles, async () => {
    answer = call()
    await vi.waitUntil(async () => (await waiting()) === 1, 10_000)
  })
  return answer
}

const add = async (username: string): Promise<string> =>
  (await server.admin('POST', '/users', { username, password: PASSWORD })).body.id

test.each([
  ['PUT', '/password', { password: ANOTHER }],
  ['PATCH', '', { email: 'evil@mail.example' }],
  ['PATCH', '', { roles: ['user'] }],
  ['POST', '/disable', undefined],
  ['POST', '/enable', undefined],
  ['DELETE', '', undefined],
])(
  '%s %s %o of a helpdesk does not reach a user who becomes an administrator meanwhile',
  async (method, path, body) => {
    const id = await add(`up-${randomUUID()}`)
    const before = await stored(id)
    const answer = await whileRolesChange(id, ['admin'], () =>
      server.call(method, `/admin/users/${id}${path}`, body, helpdesk),
    )
    expect(answer).toMatchObject({ status: 403, body: { error: 'access_denied' } })
    expect(await stored(id)).toEqual({ ...before, roles: ['admin'], version: before.version + 1 })
  },
)

test('a change that waits for other roles that the caller may change is made once, and keeps them', async () => {
  const id = await add('aside')
  const answer = await whileRolesChange(id, ['helpdesk'], () =>
    server.call('PUT', `/admin/users/${id}/password`, { password: ANOTHER }, helpdesk),
  )
  expect(answer).toMatchObject({ status: 200, body: { roles: ['helpdesk'] } })
  expect((await server.call('POST', '/auth/login', { username: 'aside', password: ANOTHER })).status).toBe(200)
})

test('roles that keep changing make a conflict, and the password stays', async () => {
  const id = await add('restless')
  const { passwordHash } = await stored(id)
  let answer: ReturnType<AdminServer['call']> | undefined
  let second: Promise<unknown> | undefined
  await setRoles(id, ['helpdesk'], async () => {
    answer = server.call('PUT', `/admin/users/${id}/password`, { password: ANOTHER }, helpdesk)
    await vi.waitUntil(async () => (await waiting()) === 1, 10_000)
    // It waits behind the call, so it holds the row while the call tries again.
    second = setRoles(id, ['user'], () => vi.waitUntil(async () => (await waiting()) === 1, 10_000))
    await vi.waitUntil(async () => (await waiting()) === 2, 10_000)
  })
  expect(await answer).toMatchObject({ status: 409, body: { error: 'conflict' } })
  await second
  expect((await stored(id)).passwordHash).toBe(passwordHash)
})

test('an administrator who is demoted while the rest of the request is under way is refused', async () => {
  const inConsole = { client_id: 'console', resource: ADMINISTRATION }
  const { id, tokens } = await server.userToken('slow', ['admin'], inConsole)
  const body = JSON.stringify({ roles: ['admin'] })
  const call = request(`${server.service.url}/admin/users/${id}`, {
    method: 'PATCH',
    headers: { ...bearer(tokens.access_token), 'content-type': 'application/json', 'content-length': body.length },
  })
  const answered = new Promise<number | undefined>((resolve, reject) => {
    call.on('response', (response) => resolve(response.resume().statusCode))
    call.on('error', reject)
  })
  call.write(body.slice(0, 5))
  await server.admin('PATCH', `/users/${id}`, { roles: ['user'] })
  call.end(body.slice(5))
  expect(await answered).toBe(403)
  expect((await stored(id)).roles).toEqual(['user'])
})
