import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import buildGetJwks from 'get-jwks'
import { createRemoteJWKSet, customFetch } from 'jose'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Client, getJwksRules, heirloom, joseRules } from '../src/fleet/clients.ts'
import { MAX_AGE_SECONDS } from '../src/fleet/endpoint.ts'
import { simulate } from '../src/fleet/simulate.ts'
import { STORY } from '../src/fleet/story.ts'

const REPLICAS = 300

describe('a fleet of the real clients', async () => {
  const { perSecond, refused, mostInFlood } = await simulate(heirloom, REPLICAS)
  const within = ({ from, to }: { from: number; to: number }) => [...perSecond.subarray(from, to)]
  const sum = (values: Iterable<number>) => [...values].reduce((total, one) => total + one, 0)
  const steady = within(STORY.steady)
  const mean = sum(steady) / steady.length

  it('fetches once per replica and lifetime of the cache', () => {
    const lifetimes = (STORY.steady.to - STORY.steady.from) / MAX_AGE_SECONDS
    const perLifetime = sum(steady) / REPLICAS / lifetimes
    expect(perLifetime).toBeGreaterThan(0.99)
    expect(perLifetime).toBeLessThan(1.01)
  })

  // So few replicas make one fetch per second on average, and by chance up to six. Ten thousand make 33.
  it('spreads its fetches evenly, through a rotation as well', () => {
    const perTenSeconds = (values: number[]) =>
      Array.from({ length: values.length / 10 }, (_, bin) => sum(values.slice(bin * 10, bin * 10 + 10)))
    expect(Math.max(...perTenSeconds(steady))).toBeLessThan(3 * 10 * mean)
    expect(Math.max(...perTenSeconds(within(STORY.rotation)))).toBeLessThan(3 * 10 * mean)
  })

  it('fetches at most once per replica and cool-down during a flood of forged key ids', () => {
    expect(mostInFlood).toBeGreaterThan(1)
    const seconds = STORY.flood.to - STORY.flood.from
    // Plus the scheduled fetches.
    expect(mostInFlood).toBeLessThanOrEqual(seconds / 30 + seconds / MAX_AGE_SECONDS)
  })

  it('refuses no valid token, even in an outage of an hour', () => {
    expect(sum(within(STORY.longOutage))).toBeGreaterThan(REPLICAS)
    expect(sum(refused)).toBe(0)
  })

  it('does not fetch in step when the issuer comes back', () => {
    expect(Math.max(...within(STORY.recovery), ...within(STORY.longRecovery))).toBeLessThan(REPLICAS / 10)
  })
})

describe('the rules match the real libraries of', () => {
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
  })

  const jwk = (kid: string) => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }
  }
  const keys = [jwk('old'), jwk('new')]

  /** No sum of these is 30 s, one minute or ten minutes: there a millisecond of lru-cache's clock would decide. */
  const passes = (most: number) => fc.integer({ min: 0, max: most }).map((count) => count * 700)
  /** What happens before each request, and the key id in its token. */
  const history = fc.array(
    fc.record({
      passesMs: fc.oneof(passes(100), passes(1_000)),
      published: fc.constantFrom(undefined, ['old'], ['old', 'new'], ['new']),
      kid: fc.constantFrom('old', 'new', 'forged'),
    }),
    { maxLength: 30 },
  )

  async function compare(
    makeReal: (fetch: () => Promise<Response>) => (kid: string) => Promise<unknown>,
    makeRules: (time: { now: () => number }, issuer: { ask: () => readonly string[] | undefined }) => Client,
  ) {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        vi.useFakeTimers({ now: 1_800_000_000_000, toFake: ['Date', 'setTimeout', 'clearTimeout'] })
        let published: readonly string[] | undefined
        const asked = { real: 0, rules: 0 }
        const real = makeReal(async () => {
          asked.real++
          if (!published) throw new TypeError('fetch failed')
          return Response.json({ keys: keys.filter(({ kid }) => published?.includes(kid)) })
        })
        const ask = () => {
          asked.rules++
          return published
        }
        const rules = makeRules({ now: Date.now }, { ask })
        for (const step of steps) {
          vi.advanceTimersByTime(step.passesMs)
          published = step.published
          const accepted = await real(step.kid).then(
            () => true,
            () => false,
          )
          expect({ accepted: await rules.hasKey(step.kid), asked: asked.rules }).toEqual({
            accepted,
            asked: asked.real,
          })
        }
      }),
      { numRuns: 100 },
    )
  }

  it('jose', async () => {
    await compare((fetch) => {
      const find = createRemoteJWKSet(new URL('https://auth.example/jwks'), { [customFetch]: fetch })
      return async (kid) => find({ alg: 'ES256', kid }, { payload: '', signature: '' })
    }, joseRules)
  })

  it('get-jwks', async () => {
    await compare((fetch) => {
      vi.stubGlobal('fetch', fetch)
      // lru-cache keeps a reference to the object.
      vi.spyOn(performance, 'now').mockImplementation(() => Date.now())
      const { getJwk } = buildGetJwks()
      return async (kid) => getJwk({ domain: 'https://auth.example', alg: 'ES256', kid })
    }, getJwksRules)
  })
})
