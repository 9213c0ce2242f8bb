import { randomBytes } from 'node:crypto'
import { type RequestListener, createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { EXAMPLE_REALM, startService } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Engine } from '../src/engine/engine.ts'
import { OUTCOMES, type Operation, type Outcome, samplesOf } from '../src/engine/tally.ts'
import { PROFILES, type Profile } from '../src/profiles.ts'
import { registerUsers } from '../src/users.ts'

const undo: (() => Promise<void> | void)[] = []
afterAll(async () => {
  for (const step of undo.toReversed()) await step()
})

let authUrl: string
let apiUrl: string
beforeAll(async () => {
  const { databaseUrl, redisUrl } = await testStores()
  const secret = () => randomBytes(32).toString('base64')
  const secrets = { TOKEN_SECRETS: secret(), KEY_ENCRYPTION_SECRET: secret() }
  const env = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, REALM_FILE: EXAMPLE_REALM, ...secrets }
  const auth = await startService({ script: 'apps/auth-server', env })
  undo.push(() => auth.stop())
  await auth.ready()
  authUrl = auth.url
  const api = await startService({ script: 'apps/resource-api', env: { JWKS_URI: `${authUrl}/.well-known/jwks.json` } })
  undo.push(() => api.stop())
  await api.ready()
  apiUrl = api.url
})

const still: Profile = { ...PROFILES.browse, twoTabs: 0, lostAnswers: 0, logouts: 0 }

/** How often each outcome comes with this profile. */
async function seen(profile: Profile, auth = authUrl): Promise<(operation: Operation) => Record<Outcome, number>> {
  const users = await registerUsers(authUrl, 1)
  const accounts = users.map((user) => ({ ...user, client: 1 }))
  const engine = new Engine({ profile, accounts, authUrls: [auth], apiUrls: [apiUrl] })
  undo.push(() => engine.close())
  await engine.open(1, () => {})
  await engine.run({ model: 'saturating', inFlight: 1 }, 3_000)
  const samples = [...samplesOf(engine.tally.take())]
  return (operation) => {
    const of = (outcome: Outcome) =>
      samples.filter((one) => one.operation === operation && one.outcome === outcome).length
    return Object.fromEntries(OUTCOMES.map((outcome) => [outcome, of(outcome)])) as Record<Outcome, number>
  }
}

const none = { failed: 0, wrong: 0, false_refusal: 0, breach: 0 }

it('a stolen refresh token is detected, and its session ends', async () => {
  const theft = (await seen({ ...still, thefts: 1 }))('theft')
  expect(theft).toMatchObject(none)
  expect(theft.ok).toBeGreaterThan(0)
})

it('the retry of a refresh whose answer was lost returns the same successor', async () => {
  const of = await seen({ ...still, tokenLifetimeMs: 1, lostAnswers: 0.5 })
  expect(of('retry')).toMatchObject(none)
  expect(of('retry').ok).toBeGreaterThan(0)
  expect(of('refresh').ok).toBeGreaterThan(0)
})

it('an auth server that forks a session or accepts a thief is detected', async () => {
  // It answers every refresh with a new token.
  const forging: RequestListener = (request, response) => {
    request.resume()
    const token = randomBytes(54).toString('base64url')
    const claims = Buffer.from(JSON.stringify({ sub: 'a', sid: 'b' })).toString('base64url')
    const times = { token_type: 'Bearer', expires_in: 900, refresh_token_expires_in: 9_000, scope: '', session_id: 'b' }
    const body = { access_token: `x.${claims}.x`, refresh_token: `hrt_${token}`, ...times }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const server = createServer(forging)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  undo.push(
    () => server.closeAllConnections(),
    () => void server.close(),
  )
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  expect((await seen({ ...still, thefts: 1 }, url))('theft')).toMatchObject({ ok: 0 })
  const forked = await seen({ ...still, tokenLifetimeMs: 1, lostAnswers: 0.5 }, url)
  expect(forked('retry').wrong).toBeGreaterThan(0)
  expect(forked('retry').ok).toBe(0)
})
