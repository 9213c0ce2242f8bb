import { randomBytes } from 'node:crypto'
import { type RequestListener, createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startService } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Engine } from '../src/engine/engine.ts'
import { OUTCOMES, type Operation, type Outcome, samplesOf } from '../src/engine/tally.ts'
import type { Login, LoginWay } from '../src/engine/login.ts'
import { PROFILES, type Profile } from '../src/profiles.ts'
import { writeRealm } from '../src/stack/realm.ts'
import { registerUsers } from '../src/users.ts'
import { WITHOUT_LIMITS } from '@heirloom/harness/services'

const undo: (() => Promise<void> | void)[] = []
afterAll(async () => {
  for (const step of undo.toReversed()) await step()
})

let logins: Record<LoginWay, Login>
let authUrl: string
let apiUrl: string
beforeAll(async () => {
  const { databaseUrl, redisUrl } = await testStores()
  const secret = () => randomBytes(32).toString('base64')
  const secrets = { TOKEN_SECRETS: secret(), KEY_ENCRYPTION_SECRET: secret() }
  const folder = mkdtempSync(join(tmpdir(), 'heirloom-sessions-'))
  undo.push(() => rmSync(folder, { recursive: true, force: true }))
  const realm = join(folder, 'realm.yaml')
  logins = writeRealm(realm)
  const env = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, REALM_FILE: realm, ...WITHOUT_LIMITS, ...secrets }
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
async function seen(
  profile: Profile,
  { auth = authUrl, way = 'password', clients = 1 }: { auth?: string; way?: LoginWay; clients?: number } = {},
): Promise<(operation: Operation) => Record<Outcome, number>> {
  const users = await registerUsers(authUrl, 1)
  const accounts = users.flatMap((user) => Array.from({ length: clients }, (_, i) => ({ ...user, client: i + 1 })))
  const engine = new Engine({ profile, accounts, authUrls: [auth], apiUrls: [apiUrl], login: logins[way] })
  undo.push(() => engine.close())
  await engine.open(2, () => {})
  await engine.run({ model: 'saturating', inFlight: clients }, 3_000)
  const samples = [...samplesOf(engine.tally.take())]
  return (operation) => {
    const of = (outcome: Outcome) =>
      samples.filter((one) => one.operation === operation && one.outcome === outcome).length
    return Object.fromEntries(OUTCOMES.map((outcome) => [outcome, of(outcome)])) as Record<Outcome, number>
  }
}

const none = { failed: 0, wrong: 0, false_refusal: 0, breach: 0 }

it.each(['password', 'code'] as const)('a stolen refresh token is detected, and its session ends: %s', async (way) => {
  const theft = (await seen({ ...still, thefts: 1 }, { way }))('theft')
  expect(theft).toMatchObject(none)
  expect(theft.ok).toBeGreaterThan(0)
})

it.each(['password', 'code'] as const)('a retry after a lost answer returns the same successor: %s', async (way) => {
  const of = await seen({ ...still, tokenLifetimeMs: 1, lostAnswers: 0.5 }, { way })
  expect(of('retry')).toMatchObject(none)
  expect(of('retry').ok).toBeGreaterThan(0)
  expect(of('refresh').ok).toBeGreaterThan(0)
})

it.each(['password', 'code', 'client-credentials'] as const)('clients log in, work and come back: %s', async (way) => {
  // Several clients of one user, who share a browser.
  const of = await seen({ ...still, tokenLifetimeMs: 50, logouts: 0.05 }, { way, clients: 3 })
  for (const operation of ['call', 'login', 'refresh'] as const) {
    expect(of(operation)).toMatchObject(none)
    expect(of(operation).ok).toBeGreaterThan(0)
  }
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

  expect((await seen({ ...still, thefts: 1 }, { auth: url }))('theft')).toMatchObject({ ok: 0 })
  const forked = await seen({ ...still, tokenLifetimeMs: 1, lostAnswers: 0.5 }, { auth: url })
  expect(forked('retry').wrong).toBeGreaterThan(0)
  expect(forked('retry').ok).toBe(0)
})
