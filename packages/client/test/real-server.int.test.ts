import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { EXAMPLE_REALM, type Service, startService } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { main } from '../examples/command-line.ts'
import { type Client, type ClientEvent, createClient, memoryStore } from '../src/index.ts'

const CREDENTIALS = { username: 'ann', password: 'a long and quiet walk' }
const BOB = { username: 'bob', password: 'a short and noisy ride' }

let auth: Service
let api: Service
let way: Awaited<ReturnType<typeof startWay>>

beforeAll(async () => {
  const { databaseUrl, redisUrl } = await testStores()
  const secret = () => randomBytes(32).toString('base64')
  auth = await startService({
    script: 'apps/auth-server',
    env: {
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      REALM_FILE: EXAMPLE_REALM,
      TOKEN_SECRETS: secret(),
      KEY_ENCRYPTION_SECRET: secret(),
    },
  })
  await auth.ready()
  api = await startService({
    script: 'apps/resource-api',
    env: { ISSUER: 'http://127.0.0.1:4000', JWKS_URI: `${auth.url}/.well-known/jwks.json` },
  })
  await api.ready()
  way = await startWay(auth.url)
  for (const user of [CREDENTIALS, BOB]) {
    await fetch(`${auth.url}/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(user),
    })
  }
})
afterAll(() => Promise.all([auth.stop(), api.stop()]))
beforeEach(() => way.reset())

/** A proxy to the auth server that drops answers. */
async function startWay(target: string) {
  const state = { url: '', losesNext: 0, asked: 0, reset: () => void (state.losesNext = state.asked = 0) }
  const server = createServer((request, response) => void pass(request, response))
  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const answer = await fetch(target + request.url, {
      method: request.method ?? 'GET',
      headers: { 'content-type': 'application/json' },
      body: await text(request),
    })
    state.asked++
    const body = await answer.text()
    if (state.losesNext-- > 0) return void response.destroy()
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(body)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterAll(() => void server.close())
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return state
}

/** A client whose clock is moved while the server's is not, so that only the client sees its tokens as old. */
async function loggedIn(store = memoryStore()) {
  let ahead = 0
  const events: ClientEvent[] = []
  const open = (): Client =>
    createClient({
      authServer: way.url,
      resources: [api.url],
      store,
      onEvent: (event) => events.push(event),
      runtime: {
        now: () => Date.now() + ahead,
        monotonic: () => performance.now() + ahead,
        sleep: () => Promise.resolve(void (ahead += 5_000)),
      },
    })
  const client = open()
  await client.login(CREDENTIALS)
  way.reset()
  return { client, open, events, store, expire: () => void (ahead += 900_000) }
}

const status = async (client: Client, path = '/api/me') => (await client.fetch(api.url + path)).status

it('logs in, calls, refreshes, logs out', async () => {
  const { client, store, expire } = await loggedIn()
  expect(await status(client)).toBe(200)
  const before = await store.load()
  expire()
  expect(await status(client)).toBe(200)
  expect((await store.load())?.refreshToken).not.toBe(before?.refreshToken)
  const last = await store.load()
  expect(await client.logout()).toEqual({ serverNotified: true })
  // A copy of the session does not work any more.
  await store.save({ ...(last ?? expect.fail()), expiresAt: 0 })
  await expect(client.accessToken()).rejects.toMatchObject({ code: 'session_ended' })
})

it('stays logged in although answers get lost again and again', async () => {
  const { client, expire, events } = await loggedIn()
  for (let round = 0; round < 5; round++) {
    expire()
    way.losesNext = 2
    expect(await status(client)).toBe(200)
  }
  expect(way.asked).toBe(15)
  expect(events.map(({ type }) => type)).toEqual(['logged_in', ...Array.from({ length: 5 }, () => 'refreshed')])
})

it('fifty callers, one refresh', async () => {
  const { client, expire } = await loggedIn()
  expire()
  expect(await Promise.all(Array.from({ length: 50 }, () => status(client)))).toEqual(Array(50).fill(200))
  expect(way.asked).toBe(1)
})

it('two clients with one store refresh at the same time again and again, and lose answers', async () => {
  const { client, open, expire, events } = await loggedIn()
  const other = open()
  for (let round = 0; round < 12; round++) {
    expire()
    if (round % 3 === 0) way.losesNext = 1
    expect(await Promise.all([status(client), status(other)])).toEqual([200, 200])
  }
  expect(events.filter(({ type }) => type === 'session_ended')).toEqual([])
})

it('a token that the service refuses is refreshed', async () => {
  const { client, store } = await loggedIn()
  const session = (await store.load()) ?? expect.fail()
  await store.save({ ...session, accessToken: `${session.accessToken.slice(0, -4)}AAAA`, receivedAt: 0 })
  expect(await status(client)).toBe(200)
  expect(way.asked).toBe(1)
  expect(await status(client, '/api/admin/stats')).toBe(403)
  expect(way.asked).toBe(1)
})

it('a session that was revoked elsewhere ends', async () => {
  const { client, expire, events } = await loggedIn()
  await fetch(`${auth.url}/auth/logout/all`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await client.accessToken()}` },
  })
  expire()
  await expect(client.fetch(`${api.url}/api/me`)).rejects.toMatchObject({ code: 'session_ended' })
  expect(events.at(-1)).toEqual({ type: 'session_ended', reason: 'refused' })
})

it("nothing of the first user's goes out as the second, who logs in in another tab, and the first one's logout is hers", async () => {
  const { client, open, store, expire } = await loggedIn()
  const tokenOfAnn = await client.accessToken()
  const other = open()
  await other.login(BOB)
  const sent = { method: 'POST', body: '{}' }
  await expect(client.fetch(`${api.url}/api/reports`, sent)).rejects.toMatchObject({ code: 'session_changed' })
  expire()
  await expect(client.fetch(`${api.url}/api/reports`, sent)).rejects.toMatchObject({ code: 'session_changed' })
  expect(way.asked).toBe(1)

  expect(await client.logout()).toEqual({ serverNotified: true })
  const mine = (token: string) =>
    fetch(`${auth.url}/auth/me`, { headers: { authorization: `Bearer ${token}` } }).then((answer) => answer.status)
  expect(await mine(tokenOfAnn)).toBe(401)
  expect(await status(other)).toBe(200)
  expect(await mine((await store.load())?.accessToken ?? '')).toBe(200)
})

it.each(['/wrong', '/docs', '/auth'])('the wrong base path %s is reported, with the address', async (path) => {
  const client = createClient({ authServer: auth.url + path, resources: [] })
  await expect(client.login(CREDENTIALS)).rejects.toMatchObject({
    code: 'misconfigured',
    message: expect.stringContaining(`${auth.url}${path}/auth/login answered 404`),
  })
})

it('a wrong password is reported', async () => {
  const client = createClient({ authServer: auth.url, resources: [] })
  await expect(client.login({ ...CREDENTIALS, password: 'not this one, surely' })).rejects.toMatchObject({
    code: 'invalid_credentials',
  })
})

it('examples/command-line.ts, and nothing keeps its process alive', async () => {
  const env = {
    AUTH_SERVER: auth.url,
    API: api.url,
    HEIRLOOM_USER: CREDENTIALS.username,
    PASSWORD: CREDENTIALS.password,
  }
  expect(await main(env)).toMatchObject({ scope: 'reports:read' })

  const child = spawn(process.execPath, ['packages/client/examples/command-line.ts'], {
    env: { ...process.env, ...env },
  })
  onTestFinished(() => void child.kill())
  expect(await text(child.stdout)).toContain('session_id')
})
