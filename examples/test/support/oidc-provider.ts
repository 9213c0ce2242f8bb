import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { freePort } from '@heirloom/local-stack'
import { Provider } from 'oidc-provider'
import { afterAll } from 'vitest'

export const AUDIENCE = 'urn:resource-api'
const CLIENT = { client_id: 'machine', client_secret: 'a secret of the machine' }

/** Another auth server: oidc-provider as its documentation sets it up for RFC 9068 access tokens. */
export async function startOidcProvider() {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const provider = new Provider(issuer, {
    clients: [
      {
        ...CLIENT,
        grant_types: ['client_credentials', 'refresh_token', 'authorization_code'],
        redirect_uris: ['https://app.example/'],
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
    scopes: ['openid', 'offline_access', 'reports:read'],
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    ttl: { AccessToken: 900, ClientCredentials: 900, Grant: 900, IdToken: 900, RefreshToken: 900 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, audience) => ({
          audience,
          scope: 'reports:read',
          // Tokens for `urn:opaque` are not JWTs.
          accessTokenFormat: audience === 'urn:opaque' ? 'opaque' : 'jwt',
          accessTokenTTL: 900,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  })
  const server = provider.listen(port, '127.0.0.1')
  await once(server, 'listening')
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  async function ask(parameters: Record<string, string>) {
    const body = new URLSearchParams({ ...CLIENT, ...parameters })
    const answer = await fetch(`${issuer}/token`, { method: 'POST', body })
    return (await answer.json()) as { access_token: string; id_token: string }
  }

  return {
    issuer,
    clientId: CLIENT.client_id,
    /** A client's own token (client credentials). */
    clientToken: async (resource: string, scope = 'reports:read') =>
      (await ask({ grant_type: 'client_credentials', resource, scope })).access_token,
    /** A user's tokens, by a refresh token as after a login. */
    async userTokens(accountId: string) {
      const scope = 'openid offline_access reports:read'
      const client = await provider.Client.find(CLIENT.client_id)
      const grant = new provider.Grant({ accountId, clientId: CLIENT.client_id })
      grant.addOIDCScope('openid offline_access')
      grant.addResourceScope(AUDIENCE, 'reports:read')
      const refreshToken = new provider.RefreshToken({
        accountId,
        client,
        grantId: await grant.save(),
        gty: 'authorization_code',
        scope,
        resource: AUDIENCE,
        rotations: 0,
        iiat: Math.floor(Date.now() / 1000),
      } as ConstructorParameters<typeof provider.RefreshToken>[0])
      return ask({ grant_type: 'refresh_token', refresh_token: await refreshToken.save() })
    },
  }
}
