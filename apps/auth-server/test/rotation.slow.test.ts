// Two auth-servers, three resource services and their clients go on through three rotations and the withdrawal of a key.
// `SIGNING_KEY_LEAD_SECONDS` is at least 70, so that every server publishes a key, and every service has it, before it signs.
// This test waits for exactly that, and then removes the rest of the lead in Postgres.
import { setInterval } from 'node:timers/promises'
import { callerOf, createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import { startService } from '@heirloom/local-stack'
import Fastify from 'fastify'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { openDatabase } from '../src/postgres/database.ts'
import { admin } from './support/admin.ts'
import { bearer, testServer } from './support/server.ts'

const ISSUER = 'http://127.0.0.1:4000'
/** Clients log in and refresh, so that there are tokens of every key that has signed. */
const SESSIONS = 4
const ROUND_MS = 25
const WAIT = { timeout: 60_000, interval: 50 }

const server = await testServer({ SIGNING_KEY_LEAD_SECONDS: '70', JWKS_MAX_AGE_SECONDS: '1' })
const second = await startService({ script: 'apps/auth-server', env: server.env })
afterAll(() => second.stop())
await second.ready()
const servers = [server.service.url, second.url] as const

const database = openDatabase({ url: server.env['DATABASE_URL'] ?? '', poolSize: 2, statementTimeoutMs: 10_000 })
afterAll(() => database.$disconnect())

/** A service that polls the key set of one server twice a second. */
async function startResourceService(authServer: string) {
  let fetches = 0
  const verifier = createVerifier({
    issuer: ISSUER,
    jwksUri: `${authServer}/.well-known/jwks.json`,
    audience: 'resource-api',
    refreshSeconds: 0.5,
    onEvent: ({ type }) => (fetches += type === 'keys_changed' || type === 'keys_confirmed' ? 1 : 0),
  })
  const app = Fastify()
  await app.register(bearerAuth, { verifier })
  app.get('/', { onRequest: app.authenticate }, (request) => ({ sub: callerOf(request).sub }))
  afterAll(async () => {
    verifier.close()
    await app.close()
  })
  await verifier.ready()
  return { url: await app.listen(), verifier, fetches: () => fetches }
}

const services = await Promise.all([servers[0], servers[1], servers[1]].map(startResourceService))

const statusOf = async (service: { url: string }, token: string) => {
  const answer = await fetch(service.url, { headers: bearer(token) })
  await answer.arrayBuffer()
  return answer.status
}

const kidOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid

async function publishedBy(authServer: string): Promise<string[]> {
  const answer = await fetch(`${authServer}/.well-known/jwks.json`)
  return ((await answer.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
}

/** Runs the admin command as an operator would. Returns the newest key. */
async function adminKey(...args: string[]): Promise<string> {
  const { keys } = (await admin(server.env, 'key', ...args)) as { keys: { kid: string }[] }
  return keys.at(-1)?.kid ?? ''
}

/** Waits for what the lead is for: every server publishes the key, and every service has polled since. */
async function untilEverywhere(kid: string, isThere: boolean) {
  for (const authServer of servers) {
    await vi.waitUntil(async () => (await publishedBy(authServer)).includes(kid) === isThere, WAIT)
  }
  const before = services.map(({ fetches }) => fetches())
  // One poll may have been under way.
  await vi.waitUntil(() => services.every(({ fetches }, i) => fetches() >= (before[i] ?? 0) + 2), WAIT)
}

const signsNow = (kid: string) => database.signingKey.update({ where: { kid }, data: { signsFrom: new Date() } })

/** Clients of both servers call every service, each with a new token and an older one. */
function startLoad(sessions: string[]) {
  const tokens: string[] = []
  const withdrawn = new Set<string>()
  const refusals: unknown[] = []
  const accepted = new Map<string, number>()
  let stopping = false

  async function call(service: (typeof services)[number], token: string) {
    const kid = kidOf(token)
    const status = await statusOf(service, token)
    if (status === 200) accepted.set(`${kid} at ${service.url}`, (accepted.get(`${kid} at ${service.url}`) ?? 0) + 1)
    else if (!withdrawn.has(kid)) refusals.push({ status, kid, service: service.url })
  }

  async function round(number: number) {
    const session = number % sessions.length
    const answer = await fetch(`${servers[number % 2]}/auth/refresh`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refresh_token: sessions[session] }),
    })
    const body = (await answer.json()) as { access_token: string; refresh_token: string }
    if (answer.status !== 200) return void refusals.push({ status: answer.status, refresh: body })
    sessions[session] = body.refresh_token
    tokens.push(body.access_token)
    const inUse = tokens.filter((token) => !withdrawn.has(kidOf(token)))
    const older = inUse[Math.floor(Math.random() * inUse.length)] ?? body.access_token
    await Promise.all(services.flatMap((service) => [call(service, body.access_token), call(service, older)]))
  }

  const ended = (async () => {
    let number = 0
    for await (const _ of setInterval(ROUND_MS)) {
      if (stopping) return
      await round(number++)
    }
  })()
  return {
    tokens,
    refusals,
    accepted,
    newestKid: () => kidOf(tokens.at(-1) ?? ''),
    withdraw: (kid: string) => void withdrawn.add(kid),
    async stop() {
      stopping = true
      await ended
    },
  }
}

test('three rotations refuse no valid token; a withdrawn key ends at the next poll', { timeout: 240_000 }, async () => {
  const logins = await Promise.all(Array.from({ length: SESSIONS }, () => server.login()))
  const load = startLoad(logins.map(({ tokens }) => tokens.refresh_token as string))
  onTestFinished(() => load.stop())
  await vi.waitUntil(() => load.tokens.length > 0, WAIT)
  const kids = [load.newestKid()]

  let coming = await adminKey('rotate')
  for (const isLast of [false, false, true]) {
    const next = coming
    await untilEverywhere(next, true)
    expect(load.newestKid()).toBe(kids.at(-1))
    await signsNow(next)
    if (!isLast) coming = await adminKey('rotate')
    await vi.waitUntil(() => load.tokens.slice(-4).every((token) => kidOf(token) === next), WAIT)
    kids.push(next)
  }

  // Old tokens and new ones, of four keys, were accepted everywhere; and no service had to fetch the key set for an unknown key.
  expect(new Set(kids).size).toBe(4)
  expect(load.refusals).toEqual([])
  for (const kid of kids)
    for (const { url } of services) expect(load.accepted.get(`${kid} at ${url}`)).toBeGreaterThan(0)
  expect(services.map(({ verifier }) => verifier.stats().keys?.unknownKidRefetches)).toEqual([0, 0, 0])

  // The first key has leaked: SECURITY.md, "Signing keys".
  const [leaked = ''] = kids
  const ofLeaked = load.tokens.find((token) => kidOf(token) === leaked) ?? ''
  expect(await Promise.all(services.map((service) => statusOf(service, ofLeaked)))).toEqual([200, 200, 200])
  load.withdraw(leaked)
  await adminKey('remove', leaked)
  await untilEverywhere(leaked, false)
  expect(await Promise.all(services.map((service) => statusOf(service, ofLeaked)))).toEqual([401, 401, 401])
  await load.stop()
  expect(load.refusals).toEqual([])
})
