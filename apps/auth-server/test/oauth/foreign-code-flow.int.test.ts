import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { beforeAll, expect, test } from 'vitest'
import { type FlowServer, flowServer, redirectOf } from '../support/code-flow.ts'
import { FILES, secretOf } from '../support/oauth-realm.ts'

let server: FlowServer
beforeAll(async () => {
  server = await flowServer()
})

test.each([
  ['a native application', 'native', () => openid.None()],
  ['a page in the browser', 'spa', () => openid.None()],
  ['a server with a secret', 'site', () => openid.ClientSecretBasic(secretOf('site'))],
])('openid-client, as %s, logs in, refreshes and logs out', async (_, id, authentication) => {
  const config = await openid.discovery(new URL(server.url), id, undefined, authentication(), {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests],
  })
  const verifier = openid.randomPKCECodeVerifier()
  const state = openid.randomState()
  const link = openid.buildAuthorizationUrl(config, {
    redirect_uri: redirectOf(id),
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    scope: 'files:read',
    resource: FILES,
    state,
  })
  const checks = { pkceCodeVerifier: verifier, expectedState: state }
  const callback = await server.visit(link)
  const tokens = await openid.authorizationCodeGrant(config, callback, checks, { resource: FILES })
  expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'files:read' })
  const next = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '')
  await openid.tokenRevocation(config, next.refresh_token ?? '')
  await expect(openid.refreshTokenGrant(config, next.refresh_token ?? '')).rejects.toMatchObject({
    error: 'invalid_grant',
  })
  // The code was for one use.
  await expect(openid.authorizationCodeGrant(config, callback, checks)).rejects.toMatchObject({
    error: 'invalid_grant',
  })
})

test('oauth4webapi, as a page in the browser, logs in and refreshes, and finds its issuer in errors too', async () => {
  const insecure = { [oauth.allowInsecureRequests]: true }
  const issuer = new URL(server.url)
  const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
  const as = await oauth.processDiscoveryResponse(issuer, discovered)
  const [client, auth] = [{ client_id: 'spa' }, oauth.None()]
  const verifier = oauth.generateRandomCodeVerifier()
  const link = (more: Record<string, string>) => {
    const address = new URL(as.authorization_endpoint ?? '')
    const challenge = { code_challenge_method: 'S256', response_type: 'code' }
    const parameters = { client_id: 'spa', redirect_uri: redirectOf('spa'), state: 'mine', ...challenge, ...more }
    for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value)
    return address
  }
  const challenge = await oauth.calculatePKCECodeChallenge(verifier)

  const refused = await server.visit(link({ code_challenge: challenge, scope: 'everything' }))
  expect(() => oauth.validateAuthResponse(as, client, refused, 'mine')).toThrow(
    expect.objectContaining({ error: 'invalid_scope' }),
  )
  // With the issuer of another server, the client would take it for a mix-up (RFC 9207).
  refused.searchParams.set('iss', 'https://evil.example')
  expect(() => oauth.validateAuthResponse(as, client, refused, 'mine')).toThrow(/iss/)

  const callback = await server.visit(link({ code_challenge: challenge }))
  const parameters = oauth.validateAuthResponse(as, client, callback, 'mine')
  const granted = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    auth,
    parameters,
    redirectOf('spa'),
    verifier,
    insecure,
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, granted)
  const refreshed = await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token ?? '', insecure)
  expect(await oauth.processRefreshTokenResponse(as, client, refreshed)).toMatchObject({
    scope: 'files:read files:write',
  })
  const request = new Request('https://files.example', { headers: { authorization: `Bearer ${tokens.access_token}` } })
  expect(await oauth.validateJwtAccessToken(as, request, FILES, insecure)).toMatchObject({ client_id: 'spa' })
})
