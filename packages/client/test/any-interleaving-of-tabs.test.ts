import fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ClientError } from '../src/index.ts'
import { type Known, type TabMessage, hear } from '../src/tab-store.ts'
import { UNKNOWN } from '../src/session.ts'
import { type Fate, LIFETIME_SECONDS, type Tab, chanceFrom, virtualBrowser } from './virtual-browser.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const RUNS = Number(process.env['RUNS'] ?? 150)
const ME = 'https://api.example/api/me'

interface Browser {
  hasLocks: boolean
  hasChannel: boolean
  /** How often the auth server or the network fails, from 0 to 1. */
  faults: number
  netMs: number
  channelMs: number
}

/** What a tab may do. The session of an epoch is that of all calls between two logins, logouts or reloads. */
interface Step {
  afterMs: number
  tab: number
  what: 'fetch' | 'accessToken' | 'isLoggedIn' | 'reload' | 'login' | 'logout'
}
interface Epoch {
  session?: string | undefined
  left?: string | undefined
}

const seen = { sent: 0, refreshed: 0, changed: 0, ended: 0, unavailable: 0, loggedOut: 0 }

async function live(steps: Step[], { hasLocks, hasChannel, faults, ...slow }: Browser, seed: number) {
  const chance = chanceFrom(seed)
  const browser = virtualBrowser({ ...slow, chance })
  let cutOff = 0
  browser.fate = () => {
    if (chance() >= faults) return undefined
    const fates: Fate[] = [
      'lost before',
      'lost after',
      'lost within',
      // Mostly after its tab has asked again, and sometimes after it has given up.
      { lateMs: chance() * 25_000 },
      Response.json({ error: 'origin_not_allowed' }, { status: 403 }),
    ]
    const fate = fates[Math.floor(chance() * fates.length)]
    if (fate === 'lost within') cutOff++
    return fate
  }
  const runtime = { random: chance, ...(!hasLocks && { locks: undefined }), ...(!hasChannel && { channel: undefined }) }
  const open = () => ({ tab: browser.tab({ runtime }), epoch: {} as Epoch })
  const tabs = Array.from({ length: 4 }, open)
  const epochs: Epoch[] = []
  const wrong: string[] = []
  let [pending, logins, entered] = [0, 0, 0]

  function check(epoch: Epoch, token: string): void {
    const session = token.split('.')[0]
    epoch.session ??= session
    if (epoch.session !== session) wrong.push(`${epoch.session}: sent with ${token}`)
    if (epoch.left === session) wrong.push(`${session} was left, and sent with ${token}`)
  }

  async function take({ tab: index, what }: Step): Promise<void> {
    const place = tabs[index] ?? expect.fail()
    const { epoch } = place
    const { client } = place.tab
    if (what === 'fetch') {
      epochs.push(epoch)
      await client.fetch(ME, { headers: { 'x-call': String(epochs.length - 1) } })
    } else if (what === 'accessToken') check(epoch, await client.accessToken())
    else if (what === 'isLoggedIn') await client.isLoggedIn()
    else if (what === 'reload') {
      place.tab.close()
      Object.assign(place, open())
    } else if (what === 'login') {
      const username = `user${++logins}`
      await client.login({ username, password: 'x' })
      entered++
      // Unless the page has been closed meanwhile.
      if (place.tab.client === client) place.epoch = { session: browser.issued.get(username) }
    } else {
      // Without locks, two tabs that log in at once do not know which of them has the cookie.
      place.epoch = { left: hasLocks ? epoch.session : undefined }
      await client.logout()
      seen.loggedOut++
    }
  }

  for (const step of steps) {
    await vi.advanceTimersByTimeAsync(step.afterMs)
    pending++
    const { tab } = tabs[step.tab] ?? expect.fail()
    take(step)
      .catch((error: unknown) => {
        // Nobody hears it, if the page is closed.
        if (tabs[step.tab]?.tab !== tab) return
        if (!(error instanceof ClientError)) return void wrong.push(String(error))
        if (error.code === 'session_changed') seen.changed++
        if (error.code === 'session_ended') seen.ended++
        if (error.code === 'unavailable') seen.unavailable++
      })
      .finally(() => pending--)
  }
  // No call waits for ever.
  await vi.advanceTimersByTimeAsync(300_000)
  for (const { authorization, call } of browser.sent) check(epochs[Number(call)] ?? {}, authorization?.slice(7) ?? '')
  seen.sent += browser.sent.length
  seen.refreshed += browser.paths().filter((path) => path === 'refresh').length
  expect(wrong).toEqual([])
  expect(pending).toBe(0)
  // No honest browser looks like a thief. (Every browser with locks has channels. Without them, each tab refreshes for itself.)
  if (hasChannel) expect(browser.reused).toEqual([])
  return { browser, tabs: tabs.map(({ tab }) => tab), entered, cutOff }
}

const step = (...what: Step['what'][]) =>
  fc.record<Step>({
    afterMs: fc.oneof(fc.constant(0), fc.nat(300), fc.nat(5_000), fc.nat(LIFETIME_SECONDS * 1000)),
    tab: fc.nat(3),
    what: fc.constantFrom(...what),
  })
const steps = (...what: Step['what'][]) => fc.array(step(...what), { minLength: 5, maxLength: 40, size: 'max' })
const browsers = fc.record<Browser>({
  hasLocks: fc.boolean(),
  hasChannel: fc.boolean(),
  faults: fc.constantFrom(0, 0.1, 0.4),
  netMs: fc.constantFrom(1, 100, 1_900),
  channelMs: fc.constantFrom(1, 50, 2_000),
})

/** What a tab says when all is quiet and the network is back. */
async function ask({ client }: Tab): Promise<number | string> {
  const done = client.fetch(ME).then(
    ({ status }) => status,
    (error: ClientError) => error.code,
  )
  await vi.advanceTimersByTimeAsync(60_000)
  return done
}

it(
  'no request goes out with the token of another session, and no tab is misled for ever',
  { timeout: 120_000 },
  async () => {
    const any = steps(
      'fetch',
      'fetch',
      'fetch',
      'fetch',
      'accessToken',
      'isLoggedIn',
      'reload',
      'login',
      'login',
      'logout',
    )
    await fc.assert(
      fc.asyncProperty(any, browsers, fc.integer(), async (taken, kind, seed) => {
        const { browser, tabs } = await live(taken, kind, seed)
        browser.fate = () => undefined
        await vi.advanceTimersByTimeAsync(LIFETIME_SECONDS * 1000)
        const answers = []
        for (const tab of tabs) answers.push(await ask(tab))
        // A service's 401 would be shown to a user who has a session, or who does not know that it is over.
        expect(answers).toEqual(
          answers.map(() => expect.toBeOneOf([200, 'not_logged_in', 'session_ended', 'session_changed'])),
        )
      }),
      { numRuns: RUNS },
    )
    expect(Object.entries(seen).filter(([, count]) => count === 0)).toEqual([])
  },
)

it(
  'whatever is lost, tabs that reload and refresh keep their session, with one refresh an expiry',
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        steps('fetch', 'fetch', 'fetch', 'isLoggedIn', 'reload'),
        browsers,
        fc.integer(),
        async (taken, kind, seed) => {
          const login: Step = { afterMs: 0, tab: 0, what: 'login' }
          const { browser, tabs, entered, cutOff } = await live([login, ...taken], { ...kind, hasChannel: true }, seed)
          browser.fate = () => undefined
          if (entered === 0) return fc.pre(false)
          const answers = []
          for (const tab of tabs) answers.push(await ask(tab))
          expect(answers).toEqual(tabs.map(() => 200))
          if (!kind.hasLocks || kind.channelMs > 400) return
          const passedMs = taken.reduce((sum, { afterMs }) => sum + afterMs, 0)
          // A refresh begins in the last fifth of a lifetime. A new page may need one of its own.
          const expiries = Math.ceil(passedMs / (LIFETIME_SECONDS * 800))
          const loads = tabs.length + taken.filter(({ what }) => what === 'reload').length
          const [redeemed = 0] = browser.alive.values()
          // The browser has the cookie of an answer that breaks off, and its script has no token.
          expect(redeemed).toBeLessThanOrEqual(expiries + loads + cutOff)
        },
      ),
      { numRuns: RUNS },
    )
  },
)

it('a session that is over stays over, in whatever order and however often messages come', () => {
  const session = fc
    .constantFrom('a', 'b', 'c')
    .chain((sessionId) =>
      fc
        .nat(3)
        .map((n) => ({ ...UNKNOWN, sessionId, accessToken: `${sessionId}${n}`, refreshToken: 'x', expiresAt: 1 })),
    )
  const message = fc.oneof<fc.Arbitrary<TabMessage>[]>(
    session.map((of) => ({ session: of })),
    session.map((of) => ({ session: of, to: 1 })),
    fc.constantFrom('a', 'b', 'c').map((ended) => ({ ended })),
    fc.constant({ failed: 0 }),
  )
  const begin: Known = { session: UNKNOWN, ended: new Set() }
  fc.assert(
    fc.property(fc.array(message), fc.infiniteStream(fc.nat()), (messages, order) => {
      const after = messages.reduce(hear, begin)
      const ended = new Set(messages.flatMap((one) => ('ended' in one ? [one.ended] : [])))
      const shuffled = messages.map((one) => [order.next().value ?? 0, one] as const).toSorted(([a], [b]) => a - b)
      for (const known of [after, shuffled.map(([, one]) => one).reduce(hear, after)]) {
        expect(known.ended).toEqual(ended)
        expect(ended.has(known.session?.sessionId ?? '')).toBe(false)
      }
    }),
  )
})
