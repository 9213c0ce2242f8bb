// Better Auth as an OAuth server on Postgres, as its documentation sets it up: `oauthProvider` beside `jwt`. Started as a process
// of its own; prints one line of JSON when it listens. POST /new-session answers the tokens of a new user who has just logged in.
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { oauthProvider } from '@better-auth/oauth-provider'
import { type BetterAuthPlugin, betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'
import pg from 'pg'

const { PORT = '', DATABASE_URL, ACCESS_TOKEN_SECONDS = '900', REUSE_INTERVAL_SECONDS } = process.env
const origin = `http://127.0.0.1:${PORT}`
const REDIRECT_URI = 'https://app.example/done'

const provider = oauthProvider({
  loginPage: '/login',
  consentPage: '/consent',
  accessTokenExpiresIn: Number(ACCESS_TOKEN_SECONDS),
  ...(REUSE_INTERVAL_SECONDS && { refreshTokenReuseInterval: Number(REUSE_INTERVAL_SECONDS) }),
  silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
})
const auth = betterAuth({
  baseURL: origin,
  secret: randomBytes(32).toString('base64'),
  database: new pg.Pool({ connectionString: DATABASE_URL }),
  emailAndPassword: { enabled: true },
  // Throttling is not what is measured.
  rateLimit: { enabled: false },
  disabledPaths: ['/token'],
  // Its types do not agree under exactOptionalPropertyTypes.
  plugins: [jwt(), provider as unknown as BetterAuthPlugin],
})
await (await getMigrations(auth.options)).runMigrations()
/** Registers a user. Returns the headers of a browser that is logged in. */
async function signUp(): Promise<Headers> {
  const email = `${randomBytes(8).toString('hex')}@example.com`
  const { headers } = await auth.api.signUpEmail({
    body: { email, name: 'A user', password: randomBytes(16).toString('base64url') },
    returnHeaders: true,
  })
  const cookie = headers
    .getSetCookie()
    .map((set) => set.split(';', 1)[0])
    .join('; ')
  return new Headers({ cookie })
}

const api = auth.api as unknown as {
  adminCreateOAuthClient: (input: { headers: Headers; body: object }) => Promise<{ client_id: string }>
}
const { client_id: clientId } = await api.adminCreateOAuthClient({
  headers: await signUp(),
  body: {
    redirect_uris: [REDIRECT_URI],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    scope: 'openid offline_access',
    skip_consent: true,
  },
})

/** A new user passes the code flow. */
async function newSession(): Promise<Response> {
  const verifier = randomBytes(32).toString('base64url')
  const parameters = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'openid offline_access',
    state: 'a state',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const redirect = await auth.handler(
    new Request(`${origin}/api/auth/oauth2/authorize?${parameters.toString()}`, { headers: await signUp() }),
  )
  const code = new URL(redirect.headers.get('location') ?? '').searchParams.get('code') ?? ''
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    code,
    code_verifier: verifier,
  })
  return auth.handler(new Request(`${origin}/api/auth/oauth2/token`, { method: 'POST', body }))
}

const handler = toNodeHandler(auth)
createServer((request, response) => {
  if (request.url !== '/new-session') return void handler(request, response)
  void newSession().then(async (answer) => response.writeHead(answer.status).end(await answer.text()))
}).listen(Number(PORT), '127.0.0.1', () => console.log(JSON.stringify({ tokens: [], clientId })))
process.on('SIGTERM', () => process.exit(0))
