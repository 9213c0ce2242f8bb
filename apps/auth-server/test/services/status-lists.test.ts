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
  const state = { kid: 'key 1', isFresh: true, additions: 0, length: 8, signatures: 0, poll: () => undefined as void }
  const began = performance.now()
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
      additionsTo: () => state.additions,
      bitsOf: () => new Uint8Array([state.additions]),
      isCurrent: async () => state.isFresh,
      onPoll: (callback) => (state.poll = callback),
      poll: async () => state.poll(),
    },
  })
  return { lists, state }
}

const iatOf = async (lists: StatusLists) => claimsOf((await lists.get(0))?.jwt ?? '').iat as number

test('a list is signed once, however many ask, and again when it has changed, but not twice in a second', async () => {
  const { lists, state } = serverOf()
  const [one, other] = await Promise.all([lists.get(0), lists.get(0)])
  expect([one, state.signatures]).toEqual([other, 1])
  for (const ms of [0, 500, 499]) {
    vi.advanceTimersByTime(ms)
    state.additions++
    await lists.get(0)
  }
  expect(state.signatures).toBe(1)
  vi.advanceTimersByTime(1)
  expect((await lists.get(0))?.etag).not.toBe(one?.etag)
  expect(state.signatures).toBe(2)
})

test('of a storm of logouts, each is signed within a second, and the first one after a quiet second at once', async () => {
  const { lists, state } = serverOf()
  const quiet = await lists.get(0)
  if (!quiet) throw new Error('there is a list')
  vi.advanceTimersByTime(1_000)
  const first = lists.next(0, quiet, 10_000, NEVER)
  state.additions++
  state.poll()
  const second = lists.next(0, await first, 10_000, NEVER)
  vi.advanceTimersByTime(300)
  state.additions++
  state.poll()
  vi.advanceTimersByTime(699)
  // No regular poll sees this one in time.
  state.additions++
  expect(state.signatures).toBe(2)
  vi.advanceTimersByTime(1)
  expect([...bitsOf((await second).jwt)]).toEqual([3])
  expect(state.signatures).toBe(3)
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
  state.isFresh = false
  await expect(lists.get(0)).rejects.toBeInstanceOf(StoreUnavailable)
  const refused = held.catch((error: unknown) => error)
  vi.advanceTimersByTime(1_000)
  expect(await refused).toBeInstanceOf(StoreUnavailable)
  expect(state.signatures).toBe(1)
  state.isFresh = true
  state.additions++
  expect((await lists.get(0))?.etag).not.toBe(current.etag)
})

test('a request is held until a poll finds a change, its time is over, or its client has gone', async () => {
  const { lists, state } = serverOf()
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
  state.poll()
  expect(lists.waiting).toBe(1)
  state.additions++
  state.poll()
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
  const { lists, state } = serverOf()
  await lists.get(0)
  vi.advanceTimersByTime(61_000)
  state.additions++
  state.poll()
  expect(state.signatures).toBe(1)
  expect(await lists.get(1)).toBeNull()
})
