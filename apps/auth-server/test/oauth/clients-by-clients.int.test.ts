import { beforeAll, expect, test } from 'vitest'
import { basic } from '../support/basic.ts'
import { CLIENTS, FILES, MAIL, OAUTH_REALM, secretOf } from '../support/oauth-realm.ts'
import { type Form, type RealmServer, realmServer } from '../support/realm-server.ts'

let server: RealmServer
beforeAll(async () => {
  server = await realmServer(OAUTH_REALM)
})

const CALLS = ['/oauth2/introspect', '/oauth2/token', '/oauth2/revoke']
const OWNERS = ['web', 'phone', 'shop', 'desk'] as const
const hasSecret = (id: string) => CLIENTS.some((one) => one.id === id && one.auth !== 'none')

/** How a client authenticates, with the secret of any. */
function authOf(id: string, owner = id): [Form, Record<string, string>] {
  const { auth } = CLIENTS.find((one) => one.id === id) ?? {}
  if (auth === 'none') return [{ client_id: id }, {}]
  return auth === 'client_secret_basic'
    ? [{}, basic(id, secretOf(owner))]
    : [{ client_id: id, client_secret: secretOf(owner) }, {}]
}

const refresh = (owner: string, token: string, resource = FILES) => {
  const [form, headers] = authOf(owner)
  const grant = { grant_type: 'refresh_token', refresh_token: token, resource }
  return server.post('/oauth2/token', { ...grant, ...form }, headers)
}

test('a refresh token of one client is worth nothing at another, with the secret of any, and nothing is spent', async () => {
  const sessions = await Promise.all(OWNERS.map(async (owner) => ({ owner, ...(await server.open(owner)) })))
  const passed: string[] = []
  for (const path of CALLS)
    for (const caller of OWNERS)
      for (const secret of OWNERS)
        for (const { owner, refresh_token: token } of sessions) {
          const isOwn = caller === owner && (secret === caller || !hasSecret(caller))
          // Its own client spends it at the end.
          if (isOwn && path !== '/oauth2/introspect') continue
          const [form, headers] = authOf(caller, secret)
          const grant = { grant_type: 'refresh_token', refresh_token: token, resource: FILES }
          const sent = path === '/oauth2/token' ? grant : { token }
          const { status, body } = await server.post(path, { ...sent, ...form }, headers)
          if (status === 200 && body.active !== false) passed.push(`${path}: ${owner}'s by ${caller} with ${secret}'s`)
        }
  expect(passed).toEqual([
    "/oauth2/introspect: shop's by shop with shop's",
    "/oauth2/introspect: desk's by desk with desk's",
  ])

  for (const { owner, familyId, refresh_token: token } of sessions) {
    const found = await server.core.families.load(familyId)
    expect(found?.family).toMatchObject({ redeemed: 0, revoked: null, lateRepeated: null })
    const { status, body } = await refresh(owner, token)
    const [form, headers] = authOf(owner)
    const revoked = await server.post('/oauth2/revoke', { token: body.refresh_token, ...form }, headers)
    expect([status, revoked.status]).toEqual([200, 200])
  }
})

test('an access token is good at one service: introspection tells the others that there is none', async () => {
  const { refresh_token: token } = await server.open('desk')
  const files = (await refresh('desk', token, FILES)).body
  const mail = (await refresh('desk', files.refresh_token, MAIL)).body
  const seenBy = async (service: string) => {
    const shown = [files, mail].map(({ access_token: one }) =>
      server.post('/oauth2/introspect', { token: one }, basic(service, secretOf(service))),
    )
    return (await Promise.all(shown)).map(({ body }) => body.active)
  }
  expect(await seenBy('files-service')).toEqual([true, false])
  expect(await seenBy('mail-service')).toEqual([false, true])
})
