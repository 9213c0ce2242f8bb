import { describe, expect, it } from 'vitest'
import { NOW_SECONDS } from '../issuer.ts'
import { status } from '../keys/answers.ts'
import { setUp } from './list-server.ts'

describe('when a list is fetched again', () => {
  it.each([
    ['by the ttl, whatever the headers say', { ttl: 5 }, 'max-age=120', 5],
    ['before exp, if that is earlier', { ttl: 900, exp: NOW_SECONDS + 45 }, 'max-age=120', 45],
    ['by the headers, if there is no ttl', { ttl: undefined }, 'max-age=20', 20],
    ['after a minute, if nobody says', { ttl: undefined, exp: undefined }, 'no-store', 60],
    ['within maxStaleSeconds', { ttl: 43_200, exp: undefined }, 'no-store', 300],
    ['once a second at most', { ttl: 0.001 }, 'no-store', 1],
  ] as const)('%s', async (_when, claims, cacheControl, seconds) => {
    const { check, events, time, answerWith, listOf } = await setUp()
    answerWith(listOf([], { claims }, { 'cache-control': cacheControl }))
    expect(await check(0)).toBe('ok')
    await events.next()
    expect(time.pendingMs).toEqual([seconds * 1000])
  })

  it('is spread after a start, so that replicas that start together do not ask together', async () => {
    const { check, events, time } = await setUp({}, [], () => 0.999)
    expect(await check(0)).toBe('ok')
    await events.next()
    expect(time.pendingMs[0]).toBeCloseTo(504.5, 0)
    time.advance(505)
    await events.next()
    expect(time.pendingMs[0]).toBeCloseTo(4_950, 0)
  })

  it('asks with the ETag, and takes 304 for a confirmation', async () => {
    const { check, events, time, verifier, requests, answerWith, listOf } = await setUp()
    answerWith(listOf([3], {}, { etag: '"v1"' }))
    expect(await check(3)).toBe('token_revoked')
    await events.next()
    answerWith(status(304))
    time.advance(5_000)
    expect(await events.next()).toMatchObject({ type: 'list_confirmed' })
    expect(requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"v1"'])
    expect(requests.map(({ headers }) => headers.accept)).toEqual(Array(2).fill('application/statuslist+jwt'))
    expect(verifier.stats().status).toMatchObject({ ageSeconds: 0, refreshes: 2, failures: 0 })
    expect(await check(3)).toBe('token_revoked')
    expect(time.pendingMs).toEqual([5_000])
  })

  it('gets a whole copy where 304 confirms one that has expired', async () => {
    const { check, events, time, requests, answerWith, listOf } = await setUp({ mode: 'closed' })
    answerWith(listOf([], { claims: { exp: NOW_SECONDS + 3 } }, { etag: '"v1"' }))
    expect(await check(3)).toBe('ok')
    await events.next()
    answerWith(status(304))
    time.advance(3_000)
    while ((await events.next()).type === 'list_confirmed') time.advance(1_000)
    expect(await events.next()).toMatchObject({ type: 'list_expired' })
    expect(time.runtime.now() / 1000).toBe(NOW_SECONDS + 13)
    expect(await check(3)).toBe('status_unavailable')
    answerWith(listOf([]))
    time.advance(1_000)
    expect(await events.next()).toMatchObject({ type: 'list_changed' })
    expect(await check(3)).toBe('ok')
    expect(requests.at(-1)?.headers['if-none-match']).toBeUndefined()
  })
})

describe('a server that waits until the list changes', () => {
  const V1 = { etag: '"v1"' }
  const WAITED = { etag: '"v2"', 'preference-applied': 'wait=25' }

  it('is asked to as soon as there is a copy, and again within a second', async () => {
    const { check, events, time, requests, answerWith, listOf } = await setUp({ waitSeconds: 25 })
    answerWith(listOf([], {}, { etag: '"v0"' }))
    expect(await check(3)).toBe('ok')
    await events.next()
    expect(time.pendingMs).toEqual([1_000])
    // While many sessions end, the list has changed before the first request that may be held.
    answerWith(listOf([5], {}, V1))
    time.advance(1_000)
    expect(await events.next()).toMatchObject({ type: 'list_changed' })
    expect(time.pendingMs).toEqual([1_000])
    answerWith(listOf([3], {}, WAITED))
    time.advance(1_000)
    expect(await events.next()).toMatchObject({ type: 'list_changed' })
    expect(await check(3)).toBe('token_revoked')
    expect(requests.map(({ headers }) => headers['prefer'])).toEqual([undefined, 'wait=25', 'wait=25'])
    expect(time.pendingMs).toEqual([1_000])
    // It had changed before the request arrived, so the server did not have to wait.
    answerWith(listOf([3, 4], {}, V1))
    time.advance(1_000)
    expect(await events.next()).toMatchObject({ type: 'list_changed' })
    expect(time.pendingMs).toEqual([1_000])
    answerWith(status(304, WAITED))
    time.advance(1_000)
    expect(await events.next()).toMatchObject({ type: 'list_confirmed' })
    expect(time.pendingMs).toEqual([1_000])
  })

  it('may take longer than another request by so much', async () => {
    const { check, events, time, requests, answerWith, listOf } = await setUp({ waitSeconds: 25 })
    answerWith(listOf([], {}, V1))
    expect(await check(3)).toBe('ok')
    await events.next()
    answerWith(() => undefined)
    time.advance(1_000)
    await expect.poll(() => requests.length).toBe(2)
    expect(time.pendingMs).toEqual([30_000])
    time.advance(30_000)
    expect(await events.next()).toMatchObject({ type: 'list_failed', reason: 'no answer within 30000 ms' })
  })

  it.each([
    ['says that nothing has changed', 1, status(304)],
    ['always answers with a list', 8, undefined],
  ])('is polled at the ttl where it does not wait: it %s', async (_what, times, answer) => {
    const { check, events, time, answerWith, listOf } = await setUp({ waitSeconds: 25 })
    answerWith(listOf([], {}, V1))
    expect(await check(3)).toBe('ok')
    await events.next()
    answerWith(answer ?? listOf([3], {}, V1))
    for (let nth = 1; nth <= times; nth++) {
      expect(time.pendingMs).toEqual([1_000])
      time.advance(1_000)
      await events.next()
    }
    expect(time.pendingMs).toEqual([5_000])
  })
})
