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
    const revoked = [...this.entries]
      .filter(([, at]) => at >= Math.max(from, this.now - withinMs))
      .toSorted(([, one], [, other]) => one - other)
      .slice(0, limit)
    return { now: this.now, given: 1_000, revoked }
  }
}

type Step =
  | { do: 'revoke' }
  | { do: 'wait'; seconds: number }
  | { do: 'lose Redis' | 'take Redis away' | 'take Postgres away' | 'bring both back' | 'back up' | 'restore' }
  | { do: 'set a clock'; byMs: number }
  | { do: 'restart'; lifetimeMinutes: number }

const someStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'revoke' } as const) },
  fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 720 }) }),
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
    const stores = {
      postgres: {
        read: postgres.read,
        lists: async () => [0],
        forget: async () => undefined,
      },
      redis,
    }
    let lifetimeMinutes = 15
    const start = async () => {
      const seconds = lifetimeMinutes * 60
      // As keys/token-lifetimes.ts does it, which is called all the time.
      const watch = new RevocationWatch(stores, () => {
        lifetimes.set(seconds, performance.now())
        return Math.max(...[...lifetimes].filter(([s, at]) => performance.now() < at + s * 1000).map(([s]) => s))
      })
      await watch.start()
      watch.stop()
      return watch
    }
    const watches = [await start(), await start()]
    /** When a token of the session may be valid at the latest. */
    const revoked = new Map<number, number>()
    const longest = () => 15 * MINUTE_MS + LEEWAY_MS

    for (const [i, step] of steps.entries()) {
      if (step.do === 'revoke' && !postgres.isAway) {
        postgres.entries.set(i, postgres.now)
        if (redis.isAway) isBackupSafe = false
        else redis.entries.set(i, redis.now)
        revoked.set(i, performance.now() + longest())
      }
      if (step.do === 'wait') {
        // The servers poll all the time.
        for (let left = step.seconds; left > 0; left -= 60) {
          vi.advanceTimersByTime(Math.min(left, 60) * 1_000)
          for (const watch of watches) await watch.poll()
        }
      }
      if (step.do === 'lose Redis') {
        redis.entries.clear()
        isBackupSafe = false
        for (const watch of watches) watch.readAllOfRedis()
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
        watches.shift()
        watches.push(await start())
      }
      for (const watch of watches) {
        await watch.poll()
        const bits = watch.bitsOf(0)
        for (const [index, until] of revoked)
          if (performance.now() < until)
            expect([index, bits[index >>> 3]]).toEqual([
              index,
              expect.toSatisfy((byte: number) => ((byte >>> (index & 7)) & 1) === 1),
            ])
      }
    }
    for (const watch of watches) {
      redis.isAway = postgres.isAway = false
      vi.advanceTimersByTime(60 * MINUTE_MS)
      await watch.poll()
      expect(watch.count()).toBe(0)
    }
  }
  await fc.assert(fc.asyncProperty(fc.array(someStep, { maxLength: 25 }), run), { numRuns: 60 })
})
