import fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type Client, ClientError, type Session, type SessionStore, createClient } from '../src/index.ts'
import { chanceFrom, pause, tabLocks } from './virtual-browser.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const never = new Promise<never>(() => {})

interface Faults {
  /** How often the store throws, never answers or returns something wrong; the auth server fails; the service refuses. From 0 to 1. */
  store: number
  lies: number
  auth: number
  service: number
  /** The longest delay of each, in milliseconds. */
  storeMs: number
  netMs: number
  hasLocks: boolean
}

/** A store that two tabs share, which is slow, throws, hangs and returns wrong sessions. */
function badStore(chance: () => number, { store: faults, lies, storeMs }: Faults): SessionStore {
  let kept: Session | null = null
  const ever: Session[] = []
  const late = async () => {
    await pause(chance() * storeMs)
    if (chance() < faults) throw new Error('the disk is full')
    if (chance() < faults / 4) await never
  }
  return {
    lockName: 'shared',
    async load() {
      await late()
      if (chance() >= lies) return kept
      const lie = [null, { accessToken: 'x' }, [], 'yes', ever[Math.floor(chance() * ever.length)]]
      return (lie[Math.floor(chance() * lie.length)] ?? null) as Session | null
    },
    async save(session) {
      ever.push(session)
      await late()
      if (chance() >= lies) kept = session
    },
    async clear() {
      await late()
      if (chance() >= lies) kept = null
    },
  }
}

/** A slow, endless body. */
const endless = (status: number) =>
  new Response(
    new ReadableStream({
      async pull(controller) {
        await pause(50)
        controller.enqueue(new Uint8Array(4096).fill(32))
      },
    }),
    { status, headers: { 'content-type': 'application/json' } },
  )

/** The session under which calls of a tab go out between two logins or logouts. */
interface Epoch {
  session?: string | undefined
  /** Sessions that this tab has left, and that no call of this epoch may bring back. */
  left: ReadonlySet<string>
}

interface Step {
  afterMs: number
  tab: number
  what: 'login' | 'logout' | 'fetch' | 'accessToken' | 'isLoggedIn' | 'setClock'
}

const seen = { sent: 0, sentAgain: 0, refreshed: 0, changed: 0, ended: 0, unavailable: 0, misconfigured: 0, storage: 0 }

async function live(steps: Step[], faults: Faults, seed: number): Promise<void> {
  const chance = chanceFrom(seed)
  const sessionOf = new Map<string, string>()
  const calls: { epoch: Epoch; sent: number }[] = []
  const wrong: string[] = []
  let [clockIsAheadMs, logins] = [0, 0]

  function check(epoch: Epoch, token: string): void {
    const session = sessionOf.get(token)
    if (epoch.session === undefined && !tabs.some((tab) => tab.epoch === epoch)) wrong.push(`begun before ${session}`)
    epoch.session ??= session
    if (session === undefined || epoch.session !== session) wrong.push(`${epoch.session}: sent with ${token}`)
    if (session !== undefined && epoch.left.has(session)) wrong.push(`${session} was left, and sent with ${token}`)
  }

  function issue(session: string, generation: number): Response {
    const access = `access/${session}/${generation}/${sessionOf.size}`
    sessionOf.set(access, session)
    return Response.json({
      access_token: access,
      refresh_token: `refresh/${session}/${generation}`,
      expires_in: 40,
      scope: '',
      session_id: session,
    })
  }

  async function authServer(path: string, body: Record<string, string>): Promise<Response> {
    if (path === '/auth/logout') return new Response(null, { status: 204 })
    if (path === '/auth/login') return issue(body['username'] ?? '', 1)
    const [, session = '', generation] = (body['refresh_token'] ?? '').split('/')
    if (chance() < faults.auth / 8) return Response.json({ error: 'invalid_grant' }, { status: 400 })
    if (chance() < faults.auth / 8) return issue('somebody-else', 1)
    seen.refreshed++
    return issue(session, Number(generation) + 1)
  }

  async function network(url: URL, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    const call = calls[Number(headers.get('x-call') ?? -1)]
    if (call) check(call.epoch, (headers.get('authorization') ?? '').slice('Bearer '.length))
    await pause(chance() * faults.netMs)
    if (call) {
      seen.sent++
      if (call.sent++ > 0) seen.sentAgain++
      if (chance() >= faults.service) return Response.json({})
      const refusals = [
        () => new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } }),
        () => Response.json({ error: 'invalid_token' }, { status: 401 }),
        () => endless(401),
        () => new Response(null, { status: 302, headers: { location: 'https://elsewhere.example' } }),
      ]
      return (refusals[Math.floor(chance() * refusals.length)] ?? expect.fail())()
    }
    if (chance() < faults.auth) {
      const ends = [
        () => Promise.reject(new TypeError('fetch failed')),
        () => never,
        () => endless(200),
        () => new Response('<h1>Sorry</h1>', { status: 503 }),
        () => new Response('<h1>Welcome</h1>'),
      ]
      return (ends[Math.floor(chance() * ends.length)] ?? expect.fail())()
    }
    const answer = await authServer(url.pathname, JSON.parse(init.body as string) as Record<string, string>)
    await pause(chance() * faults.netMs)
    if (chance() < faults.auth) throw new TypeError('the answer was lost')
    return answer
  }

  const store = badStore(chance, faults)
  const locks = faults.hasLocks ? tabLocks() : undefined
  const open = () =>
    createClient({
      authServer: 'https://auth.example',
      resources: ['https://api.example'],
      store,
      runtime: {
        now: () => Date.now() + clockIsAheadMs,
        monotonic: () => performance.now(),
        random: chance,
        fetch: (url, init) => network(new URL(url as string), init ?? {}),
        locks,
      },
    })
  const tabs: { client: Client; epoch: Epoch }[] = [0, 1].map(() => ({ client: open(), epoch: { left: new Set() } }))
  // This holds only with a correct store and common locks.
  const isStrict = faults.store === 0 && faults.lies === 0 && faults.hasLocks

  async function take({ tab: index, what }: Step): Promise<void> {
    const tab = tabs[index] ?? expect.fail()
    const { client, epoch } = tab
    if (what === 'login') {
      const username = `session-${++logins}`
      await client.login({ username, password: 'x' })
      tab.epoch = { session: username, left: new Set() }
    } else if (what === 'logout') {
      tab.epoch = { left: new Set(isStrict ? [epoch.session ?? ''] : []) }
      await client.logout()
    } else if (what === 'fetch') {
      calls.push({ epoch, sent: 0 })
      await client.fetch('https://api.example/', { method: 'POST', headers: { 'x-call': String(calls.length - 1) } })
    } else if (what === 'accessToken') {
      check(epoch, await client.accessToken())
    } else if (what === 'isLoggedIn') {
      await client.isLoggedIn()
    } else {
      clockIsAheadMs += Math.round((chance() - 0.5) * 10 ** (3 + chance() * 4))
    }
  }

  let pending = 0
  for (const step of steps) {
    await vi.advanceTimersByTimeAsync(step.afterMs)
    pending++
    take(step)
      .catch((error: unknown) => {
        if (!(error instanceof ClientError)) return void wrong.push(String(error))
        if (error.code === 'session_changed') seen.changed++
        if (error.code === 'session_ended') seen.ended++
        if (error.code === 'unavailable') seen.unavailable++
        if (error.code === 'misconfigured') seen.misconfigured++
        if (error.code === 'storage_failed') seen.storage++
      })
      .finally(() => pending--)
  }
  // No call waits for ever.
  await vi.advanceTimersByTimeAsync(300_000)
  expect(wrong).toEqual([])
  expect(pending).toBe(0)
}

const often = (what: Step['what'], weight: number) => ({ arbitrary: fc.constant(what), weight })

it('no request goes out with the token of another session, whatever happens', { timeout: 120_000 }, async () => {
  const step = fc.record<Step>({
    afterMs: fc.oneof(fc.constant(0), fc.nat(200), fc.nat(10_000)),
    tab: fc.nat(1),
    what: fc.oneof(
      often('fetch', 14),
      often('login', 2),
      often('logout', 1),
      often('accessToken', 2),
      often('isLoggedIn', 1),
      often('setClock', 1),
    ),
  })
  const rate = fc.constantFrom(0, 0, 0, 0.05, 0.3)
  const faults = fc.record<Faults>({
    store: rate,
    lies: rate,
    auth: rate,
    service: fc.constantFrom(0, 0.2, 0.6),
    storeMs: fc.constantFrom(0, 20, 500, 4_000),
    netMs: fc.constantFrom(1, 100, 2_000),
    hasLocks: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), faults, fc.integer(), live),
    {
      numRuns: Number(process.env['RUNS'] ?? 300),
    },
  )
  // Every case occurred.
  expect(Object.entries(seen).filter(([, count]) => count === 0)).toEqual([])
})
