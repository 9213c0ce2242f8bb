import { OAuth2Client } from '@badgateway/oauth2-client'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { ClientCredentials, ResourceOwnerPassword } from 'simple-oauth2'
import { beforeAll, describe, expect, test } from 'vitest'
import { FILES, OAUTH_REALM, secretOf } from '../support/oauth-realm.ts'
import { PASSWORD } from '../support/server.ts'
import { type RealmServer, realmServer } from '../support/realm-server.ts'

let server: RealmServer
beforeAll(async () => {
  server = await realmServer(OAUTH_REALM)
})

/** Delivers every request, and loses every third answer. */
function losing() {
  let calls = 0
  return async (url: string, options: object) => {
    const response = await fetch(url, options)
    if (++calls % 3 !== 0) return response
    await response.arrayBuffer()
    throw new TypeError('the answer was lost')
  }
}

/** Asks again while no answer comes. */
async function again<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof TypeError) || error.message !== 'the answer was lost') throw error
    }
  }
}

const REFRESHES = 12

/** Logs in as our own application does. */
async function login(): Promise<{ refresh_token: string; access_token: string }> {
  const username = `user-${crypto.randomUUID()}`
  const headers = { 'content-type': 'application/json' }
  const send = (path: string) =>
    server.send(path, { method: 'POST', headers, body: JSON.stringify({ username, password: PASSWORD }) })
  await send('/auth/register')
  return (await send('/auth/login')).body
}

describe('openid-client, while a third of the answers are lost', () => {
  const configure = async (id: string, authentication: openid.ClientAuth) => {
    const config = await openid.discovery(new URL(server.url), id, undefined, authentication, {
      algorithm: 'oauth2',
      execute: [openid.allowInsecureRequests],
    })
    config[openid.customFetch] = losing()
    return config
  }

  test('refreshes again and again, and its logout holds', async () => {
    const config = await configure('web', openid.None())
    let { refresh_token: token } = await login()
    for (let i = 0; i < REFRESHES; i++)
      token = (await again(() => openid.refreshTokenGrant(config, token))).refresh_token ?? ''
    await again(() => openid.tokenRevocation(config, token))
    await expect(again(() => openid.refreshTokenGrant(config, token))).rejects.toMatchObject({ error: 'invalid_grant' })
  })

  test('gets a token for a machine, and a service sees it by introspection', async () => {
    const machine = await configure('nightly', openid.ClientSecretBasic(secretOf('nightly')))
    const { access_token: token } = await again(() => openid.clientCredentialsGrant(machine, { resource: FILES }))
    const service = await configure('files-service', openid.ClientSecretBasic(secretOf('files-service')))
    expect(await again(() => openid.tokenIntrospection(service, token))).toMatchObject({ active: true, sub: 'nightly' })
    const wrong = await configure('nightly', openid.ClientSecretBasic('wrong'))
    await expect(again(() => openid.clientCredentialsGrant(wrong))).rejects.toMatchObject({ status: 401 })
  })
})

describe('oauth4webapi, while a third of the answers are lost', () => {
  const insecure = { [oauth.allowInsecureRequests]: true }

  test('finds the server, refreshes, introspects and revokes', async () => {
    const issuer = new URL(server.url)
    const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
    const as = await oauth.processDiscoveryResponse(issuer, found)
    const client = { client_id: 'desk' }
    const auth = oauth.ClientSecretPost(secretOf('desk'))
    const options = { ...insecure, [oauth.customFetch]: losing() }
    let { refresh_token: token, access_token: access } = await server.open('desk')
    for (let i = 0; i < REFRESHES; i++) {
      const additionalParameters = { resource: FILES }
      const answer = await again(() =>
        oauth.refreshTokenGrantRequest(as, client, auth, token, { ...options, additionalParameters }),
      )
      const tokens = await oauth.processRefreshTokenResponse(as, client, answer)
      ;[token, access] = [tokens.refresh_token ?? '', tokens.access_token]
    }
    const shown = await again(() => oauth.introspectionRequest(as, client, auth, token, options))
    expect(await oauth.processIntrospectionResponse(as, client, shown)).toMatchObject({
      active: true,
      client_id: 'desk',
    })
    const revoked = await again(() => oauth.revocationRequest(as, client, auth, access, options))
    await oauth.processRevocationResponse(revoked)
    const gone = await again(() => oauth.introspectionRequest(as, client, auth, token, options))
    expect(await oauth.processIntrospectionResponse(as, client, gone)).toEqual({ active: false })
  })

  test('judges the token of a machine by RFC 9068', async () => {
    const issuer = new URL(server.url)
    const as = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
    )
    const client = { client_id: 'nightly' }
    const auth = oauth.ClientSecretBasic(secretOf('nightly'))
    const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, {}, insecure)
    const { access_token: token } = await oauth.processClientCredentialsResponse(as, client, answer)
    const request = new Request(FILES, { headers: { authorization: `Bearer ${token}` } })
    expect(await oauth.validateJwtAccessToken(as, request, FILES, insecure)).toMatchObject({ sub: 'nightly' })
  })
})

test('simple-oauth2 gets a token for a machine, refreshes and revokes', async () => {
  const auth = { tokenHost: server.url, tokenPath: '/oauth2/token', revokePath: '/oauth2/revoke' }
  const machine = new ClientCredentials({ client: { id: 'nightly', secret: secretOf('nightly') }, auth })
  expect((await machine.getToken({ scope: 'files:read' })).token).toMatchObject({ scope: 'files:read' })

  const { refresh_token: token } = await server.open('shop')
  const shop = new ResourceOwnerPassword({ client: { id: 'shop', secret: secretOf('shop') }, auth })
  const refreshed = await shop.createToken({ refresh_token: token, expires_in: 0 }).refresh()
  await refreshed.revokeAll()
  await expect(refreshed.refresh()).rejects.toThrow(/400/)
})

test('@badgateway/oauth2-client finds the server, refreshes, introspects and revokes', async () => {
  const settings = { server: `${server.url}/`, discoveryEndpoint: '/.well-known/oauth-authorization-server' }
  const shop = new OAuth2Client({ ...settings, clientId: 'shop', clientSecret: secretOf('shop') })
  const session = await server.open('shop')
  const tokens = await shop.refreshToken({ accessToken: '', refreshToken: session.refresh_token, expiresAt: null })
  expect(await shop.introspect({ ...tokens, accessToken: tokens.refreshToken ?? '' })).toMatchObject({ active: true })
  await shop.revoke(tokens)
  await expect(shop.refreshToken(tokens)).rejects.toMatchObject({ oauth2Code: 'invalid_grant' })

  const nightly = new OAuth2Client({ ...settings, clientId: 'nightly', clientSecret: secretOf('nightly') })
  expect(await nightly.clientCredentials({ scope: ['files:read'] })).toMatchObject({ refreshToken: null })
})
