import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RevocationWatch } from '../../src/replication/revocation-watch.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const MINUTE_MS = 60_000
/** What a verifier adds to the life of a token. */
const LEEWAY_MS = 10_000
/** A lifetime is remembered for so much longer than its last token. */
const REMEMBERED_MS = 120_000

/** A store: when it got each index, by a clock of its own. */
class Log {
  readonly entries = new Map<number, number>()
  isAway = false
  clockMs: number

  constructor(clockMs: number) {
    this.clockMs = clockMs
  }

  get now(): number {
    return this.clockMs + performance.now()
  }

  read = async (withinMs: number, from: number, limit: number) => {
    if (this.isAway) throw new Error('away')
    const entries = [...this.entries]
      .filter(([, at]) => at >= Math.max(from, this.now - withinMs))
      .toSorted(([, one], [, other]) => one - other)
      .slice(0, limit)
      .map(([index, at]): [number[], number] => [[index], at])
    return { now: this.now, given: 1_000, entries }
  }
}

type Store = 'postgres' | 'redis'

type Step =
  | { do: 'revoke' }
  | { do: 'wait'; ms: number }
  | { do: 'wait until a token ends' }
  | { do: 'lose Redis' | 'take Redis away' | 'take Postgres away' | 'bring both back' | 'back up' | 'restore' }
  | { do: 'set a clock'; byMs: number }
  | { do: 'restart'; lifetimeMinutes: number }
  | { do: 'cut a server off'; server: number; of: readonly Store[] }
  | { do: 'revoke while a server is cut off'; server: number; ms: number }

const someStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'revoke' } as const) },
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 720_000 }) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 11_000, max: 50_000 }) }),
  fc.constant({ do: 'wait until a token ends' } as const),
  fc.record({
    do: fc.constant('revoke while a server is cut off' as const),
    server: fc.integer({ min: 0, max: 1 }),
    ms: fc.integer({ min: 1_000, max: 50_000 }),
  }),
  fc.record({
    do: fc.constant('cut a server off' as const),
    server: fc.integer({ min: 0, max: 1 }),
    of: fc.constantFrom<readonly Store[]>([], ['postgres'], ['redis'], ['postgres', 'redis']),
  }),
  fc.record({
    do: fc.constantFrom('lose Redis', 'take Redis away', 'take Postgres away', 'bring both back', 'back up', 'restore'),
  }),
  fc.record({ do: fc.constant('set a clock' as const), byMs: fc.integer({ min: -4_000, max: 4_000 }) }),
  fc.record({ do: fc.constant('restart' as const), lifetimeMinutes: fc.constantFrom(5, 15) }),
)

test('a revoked bit is set for as long as a token may be valid, through fail-overs, restores and restarts', async () => {
  const run = async (steps: readonly Step[]) => {
    const [postgres, redis] = [new Log(1_800_000_000_000), new Log(1_700_000_000_000)]
    let backup = new Map<number, number>()
    /** Redis has every revocation since the backup, so that one of the two stores can give them back. */
    let isBackupSafe = true
    const lifetimes = new Map<number, number>()
    /** What a server reaches of the stores. */
    const storesOf = (cutOff: readonly Store[]) => {
      const reach = (store: Store, log: Log) => ({
        read: async (...args: Parameters<Log['read']>) => {
          if (cutOff.includes(store)) throw new Error('cut off')
          return log.read(...args)
        },
      })
      const postgresOfServer = { ...reach('postgres', postgres), lists: async () => [0], forget: async () => undefined }
      return { postgres: postgresOfServer, redis: reach('redis', redis) }
    }
    let lifetimeMinutes = 15
    const start = async () => {
      const seconds = lifetimeMinutes * 60
      // As keys/token-lifetimes.ts does it, which is called all the time.
      const cutOff: Store[] = []
      const watch = new RevocationWatch(
        storesOf(cutOff),
        () => {
          lifetimes.set(seconds, performance.now())
          return Math.max(
            ...[...lifetimes].filter(([s, at]) => performance.now() < at + s * 1_000 + REMEMBERED_MS).map(([s]) => s),
          )
        },
        () => -Infinity,
      )
      await watch.start()
      watch.stop()
      return { watch, cutOff, seconds }
    }
    const servers = [await start(), await start()]
    const pollAll = () => Promise.all(servers.map(({ watch }) => watch.poll()))
    /** The servers poll all the time. */
    const wait = async (ms: number) => {
      for (let left = ms; left > 0; left -= MINUTE_MS) {
        vi.advanceTimersByTime(Math.min(left, MINUTE_MS))
        await pollAll()
      }
    }
    /** When a token of the session may be valid at the latest. */
    const revoked = new Map<number, number>()
    const lastTokenEnds = () => {
      for (const { seconds } of servers) lifetimes.set(seconds, performance.now())
      return Math.max(...[...lifetimes].map(([seconds, usedAt]) => usedAt + seconds * 1_000)) + LEEWAY_MS
    }
    const notInRedis = new Set<number>()

    for (const [i, step] of steps.entries()) {
      const revoke = () => {
        if (postgres.isAway) return
        postgres.entries.set(i, postgres.now)
        if (redis.isAway) {
          isBackupSafe = false
          notInRedis.add(i)
        } else redis.entries.set(i, redis.now)
        revoked.set(i, lastTokenEnds())
      }
      if (step.do === 'revoke') revoke()
      if (step.do === 'revoke while a server is cut off') {
        const { cutOff = [] } = servers[step.server] ?? {}
        cutOff.splice(0, 2, 'postgres', 'redis')
        await pollAll()
        revoke()
        await wait(step.ms)
        cutOff.splice(0)
        await pollAll()
      }
      if (step.do === 'wait') await wait(step.ms)
      if (step.do === 'wait until a token ends') {
        const ends = [...revoked.values()].filter((until) => until > performance.now() + 2_000)
        if (ends.length > 0) await wait(Math.min(...ends) - performance.now() - 1_001)
      }
      if (step.do === 'cut a server off') {
        const { cutOff = [] } = servers[step.server] ?? {}
        cutOff.splice(0, 2, ...step.of)
      }
      if (step.do === 'lose Redis') {
        for (const index of redis.entries.keys()) notInRedis.add(index)
        redis.entries.clear()
        isBackupSafe = false
        for (const { watch } of servers) watch.readAllOfRedis()
      }
      if (step.do === 'take Redis away' && !postgres.isAway) redis.isAway = true
      if (step.do === 'take Postgres away' && !redis.isAway) postgres.isAway = true
      if (step.do === 'bring both back') redis.isAway = postgres.isAway = false
      if (step.do === 'back up' && !postgres.isAway) {
        backup = new Map(postgres.entries)
        isBackupSafe = true
      }
      if (step.do === 'restore' && isBackupSafe && !redis.isAway && !postgres.isAway) {
        postgres.entries.clear()
        for (const [index, at] of backup) postgres.entries.set(index, at)
        // `admin restore`: what Redis has and the backup has not is revoked now.
        for (const index of redis.entries.keys()) if (!backup.has(index)) postgres.entries.set(index, postgres.now)
      }
      if (step.do === 'set a clock') redis.clockMs += step.byMs
      if (step.do === 'restart' && !postgres.isAway) {
        lifetimeMinutes = step.lifetimeMinutes
        servers.shift()
        servers.push(await start())
      }
      vi.advanceTimersByTime(1_000)
      for (const { watch, cutOff } of servers) {
        await watch.poll()
        // It serves no list.
        if (watch.knownAt < performance.now()) continue
        const hasPostgres = !postgres.isAway && !cutOff.includes('postgres')
        const bits = watch.bitsOf(0)
        const missing = [...revoked].filter(
          ([index, until]) =>
            performance.now() < until &&
            (hasPostgres || !notInRedis.has(index)) &&
            (((bits[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 0,
        )
        expect(missing).toEqual([])
      }
    }
    redis.isAway = postgres.isAway = false
    vi.advanceTimersByTime(60 * MINUTE_MS)
    for (const { watch, cutOff } of servers) {
      cutOff.splice(0)
      await watch.poll()
      expect(watch.count()).toBe(0)
    }
  }
  await fc.assert(fc.asyncProperty(fc.array(someStep, { maxLength: 25 }), run), { numRuns: 300 })
})

test('Redis alone is not enough for what was revoked while it was away, until Postgres was read again', async () => {
  const [postgres, redis] = [new Log(0), new Log(0)]
  let redisUsedSince: number | null = 0
  const watch = new RevocationWatch(
    { postgres: { read: postgres.read, lists: async () => [0], forget: async () => undefined }, redis },
    () => 900,
    () => redisUsedSince,
  )
  const poll = async () => {
    vi.advanceTimersByTime(500)
    await watch.poll()
    return performance.now() - watch.knownAt
  }
  expect(await poll()).toBe(0)
  postgres.isAway = true
  expect(await poll()).toBe(0)
  redis.isAway = true
  redisUsedSince = null
  expect(await poll()).toBe(500)
  // It is back, and used, before this server reads Postgres.
  redis.isAway = false
  redisUsedSince = performance.now()
  expect(await poll()).toBe(1_000)
  postgres.isAway = false
  expect(await poll()).toBe(0)
  postgres.isAway = true
  expect(await poll()).toBe(0)
})

test.each([
  ['Postgres', 3_600_000, 0],
  ['Redis', 0, -3_600_000],
])('a wrong clock of %s does not make services refuse the list', async (_store, postgresMs, redisMs) => {
  const now = Date.now() - performance.now()
  const watch = new RevocationWatch(
    {
      postgres: {
        read: new Log(now + postgresMs).read,
        lists: async () => [0],
        forget: async () => undefined,
      },
      redis: new Log(now + redisMs),
    },
    () => 900,
    () => -Infinity,
  )
  await watch.poll()
  expect(Math.abs(watch.now() - Date.now())).toBeLessThan(60_000)
})
