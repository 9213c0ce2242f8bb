import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StoreUnavailable } from '../../src/connection/store-unavailable.ts'
import { StatusLists } from '../../src/services/status-lists.ts'
import { bitsOf, claimsOf } from '../support/status-list.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const START = 1_800_000_000_000
const NEVER = new AbortController().signal

/** The lists of a server whose clock and stores the test moves. */
function serverOf() {
  const state = { kid: 'key 1', isAway: false, readingMs: 0, revoked: 0, length: 8, signatures: 0 }
  const began = performance.now()
  let [known, knownAt] = [0, -Infinity]
  let reading: Promise<void> | null = null
  let onPoll = () => undefined as void
  /** A reading has what was revoked before it began. Concurrent callers share one. */
  const read = async () => {
    const [revoked, at] = [state.revoked, performance.now()]
    if (state.readingMs > 0) await new Promise((resolve) => setTimeout(resolve, state.readingMs))
    if (!state.isAway) [known, knownAt] = [revoked, at]
    onPoll()
  }
  const poll = () => (reading ??= read().finally(() => (reading = null)))
  const lists = new StatusLists({
    config: { issuer: 'https://a', statusTtlSeconds: 5 },
    signer: {
      kidAt: () => state.kid,
      signStatusList: async (claims) => {
        state.signatures++
        return `.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`
      },
    },
    watch: {
      now: () => START + performance.now() - began,
      lengthOf: (list) => (list === 0 ? state.length : 0),
      additionsTo: () => known,
      bitsOf: () => new Uint8Array([known]),
      get knownAt() {
        return knownAt
      },
      onPoll: (callback) => (onPoll = callback),
      poll,
    },
  })
  return { lists, state, poll }
}

const iatOf = async (lists: StatusLists) => claimsOf((await lists.get(0))?.jwt ?? '').iat as number

test('a list is signed once, however many ask, and again when it has changed, but not twice in a second', async () => {
  const { lists, state } = serverOf()
  const [one, other] = await Promise.all([lists.get(0), lists.get(0)])
  expect([one, state.signatures]).toEqual([other, 1])
  for (const ms of [0, 500, 500]) {
    vi.advanceTimersByTime(ms)
    state.revoked++
    await lists.get(0)
  }
  expect(state.signatures).toBe(1)
  vi.advanceTimersByTime(1)
  expect((await lists.get(0))?.etag).not.toBe(one?.etag)
  expect(state.signatures).toBe(2)
})

test('of a storm of logouts, each is signed within a second, and the first one after a quiet second at once', async () => {
  const { lists, state, poll } = serverOf()
  const quiet = await lists.get(0)
  if (!quiet) throw new Error('there is a list')
  vi.advanceTimersByTime(1_000)
  const first = lists.next(0, quiet, 10_000, NEVER)
  state.revoked++
  await poll()
  const second = lists.next(0, await first, 10_000, NEVER)
  vi.advanceTimersByTime(300)
  state.revoked++
  await poll()
  vi.advanceTimersByTime(699)
  // No regular poll sees this one in time.
  state.revoked++
  expect(state.signatures).toBe(2)
  vi.advanceTimersByTime(1)
  expect([...bitsOf((await second).jwt)]).toEqual([3])
  expect(state.signatures).toBe(3)
})

test('every answer has what was revoked a second before it, however slow the stores are', async () => {
  const run = async (moments: readonly { ms: number; act: 'revoke' | 'ask' | 'poll'; readingMs: number }[]) => {
    const { lists, state, poll } = serverOf()
    await lists.get(0)
    const began = performance.now()
    const answers: Promise<void>[] = []
    const revokedAt: number[] = []
    const ask = async () => {
      const due = revokedAt.filter((at) => at < performance.now() - 1_000).length
      const list = await lists.get(0)
      expect(bitsOf(list?.jwt ?? '')[0]).toBeGreaterThanOrEqual(due)
    }
    for (const { ms, act, readingMs } of moments) {
      await vi.advanceTimersByTimeAsync(ms)
      state.readingMs = readingMs
      if (act === 'revoke') revokedAt[state.revoked++] = performance.now()
      if (act === 'poll') void poll()
      if (act === 'ask') answers.push(ask())
    }
    await vi.advanceTimersByTimeAsync(5_000)
    await Promise.all(answers)
    expect(state.signatures).toBeLessThanOrEqual(2 + (performance.now() - began) / 1_000)
  }
  const moment = fc.record({
    ms: fc.integer({ min: 0, max: 400 }),
    act: fc.constantFrom('revoke' as const, 'ask' as const, 'poll' as const),
    readingMs: fc.constantFrom(0, 5, 300, 1_200),
  })
  await fc.assert(fc.asyncProperty(fc.array(moment, { maxLength: 60 }), run))
})

test('so has the answer to a request that was held for nothing', async () => {
  const { lists, state, poll } = serverOf()
  const current = await lists.get(0)
  if (!current) throw new Error('there is a list')
  const held = lists.next(0, current, 1_200, NEVER)
  vi.advanceTimersByTime(100)
  state.revoked++
  await poll()
  state.readingMs = 600
  await vi.advanceTimersByTimeAsync(1_500)
  expect([...bitsOf((await held).jwt)]).toEqual([1])
})

test('a list that does not change is signed again every five minutes, and when another key signs', async () => {
  const { lists, state } = serverOf()
  const first = await iatOf(lists)
  vi.advanceTimersByTime(299_000)
  expect(await iatOf(lists)).toBe(first)
  vi.advanceTimersByTime(1_000)
  expect(await iatOf(lists)).toBe(first + 300)
  state.kid = 'key 2'
  vi.advanceTimersByTime(1_000)
  expect(await iatOf(lists)).toBe(first + 301)
})

test('a server that reads neither store confirms no copy: another one may have revoked something since', async () => {
  const { lists, state } = serverOf()
  const current = await lists.get(0)
  if (!current) throw new Error('there is a list')
  const held = lists.next(0, current, 1_000, NEVER)
  state.isAway = true
  vi.advanceTimersByTime(999)
  expect(await lists.get(0)).toBe(current)
  vi.advanceTimersByTime(2)
  await expect(lists.get(0)).rejects.toBeInstanceOf(StoreUnavailable)
  expect(await held.catch((error: unknown) => error)).toBeInstanceOf(StoreUnavailable)
  expect(state.signatures).toBe(1)
  state.isAway = false
  state.revoked++
  expect((await lists.get(0))?.etag).not.toBe(current.etag)
})

test('a request is held until a poll finds a change, its time is over, or its client has gone', async () => {
  const { lists, state, poll } = serverOf()
  const current = await lists.get(0)
  if (!current) throw new Error('there is a list')
  const gone = new AbortController()
  const [changed, brief, left] = [
    lists.next(0, current, 10_000, NEVER),
    lists.next(0, current, 900, NEVER),
    lists.next(0, current, 10_000, gone.signal),
  ]
  expect(lists.waiting).toBe(3)
  gone.abort()
  expect(await left).toBe(current)
  vi.advanceTimersByTime(1_000)
  expect(await brief).toBe(current)
  await poll()
  expect(lists.waiting).toBe(1)
  state.revoked++
  await poll()
  expect((await changed).etag).not.toBe(current.etag)
  expect(lists.waiting).toBe(0)
})

test('no more than 5,000 requests are held, and none after the stop', async () => {
  const { lists } = serverOf()
  const current = await lists.get(0)
  if (!current) throw new Error('there is a list')
  const held = Array.from({ length: 5_000 }, () => lists.next(0, current, 10_000, NEVER))
  expect(await lists.next(0, current, 10_000, NEVER)).toBe(current)
  lists.close()
  expect(await Promise.all(held)).toEqual(held.map(() => current))
  expect(await lists.next(0, current, 10_000, NEVER)).toBe(current)
  expect(lists.waiting).toBe(0)
})

test('a list that nobody asked for in a minute is not signed at each change', async () => {
  const { lists, state, poll } = serverOf()
  await lists.get(0)
  vi.advanceTimersByTime(61_000)
  state.revoked++
  await poll()
  expect(state.signatures).toBe(1)
  expect(await lists.get(1)).toBeNull()
})
