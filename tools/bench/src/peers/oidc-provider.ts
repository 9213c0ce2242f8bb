// oidc-provider as a refresh server: rotation, RS256 JWT access tokens, on its in-memory adapter or on Redis. Started as a
// process of its own; prints one line of JSON with a refresh token per session when it listens.
import { generateKeyPairSync } from 'node:crypto'
import { Provider } from 'oidc-provider'
import { redisAdapter } from './redis-adapter.ts'

const { PORT = '', REDIS_URL, SESSIONS = '32', ACCESS_TOKEN_SECONDS = '900' } = process.env
const CLIENT = 'web'
const AUDIENCE = 'urn:resource-api'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  ...(REDIS_URL && { adapter: redisAdapter(REDIS_URL) }),
  clients: [
    {
      client_id: CLIENT,
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['http://127.0.0.1/done'],
      response_types: ['code'],
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'bench' }] },
  scopes: ['openid', 'offline_access', 'reports:read'],
  rotateRefreshToken: true,
  findAccount: async (_ctx: unknown, accountId: string) => ({ accountId, claims: async () => ({ sub: accountId }) }),
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => AUDIENCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'reports:read',
        audience: AUDIENCE,
        accessTokenTTL: Number(ACCESS_TOKEN_SECONDS),
        accessTokenFormat: 'jwt' as const,
        jwt: { sign: { alg: 'RS256' as const } },
      }),
    },
  },
  // One refresh then has one signature, as ours has: no ID token, which the scope `openid` would ask for.
  ttl: { AccessToken: Number(ACCESS_TOKEN_SECONDS), RefreshToken: 432_000, Grant: 2_592_000 },
})

const client = await provider.Client.find(CLIENT)
const tokens: string[] = []
for (let i = 0; i < Number(SESSIONS); i++) {
  const grant = new provider.Grant({ accountId: `user-${i}`, clientId: CLIENT })
  grant.addOIDCScope('offline_access')
  grant.addResourceScope(AUDIENCE, 'reports:read')
  const grantId = await grant.save()
  const token = new provider.RefreshToken({
    accountId: `user-${i}`,
    client,
    grantId,
    gty: 'authorization_code',
    scope: 'offline_access reports:read',
    resource: AUDIENCE,
    rotations: 0,
    iiat: Math.floor(Date.now() / 1000),
  } as ConstructorParameters<typeof provider.RefreshToken>[0])
  tokens.push(await token.save())
}
provider.listen(Number(PORT), '127.0.0.1', () => console.log(JSON.stringify({ tokens })))
process.on('SIGTERM', () => process.exit(0))
