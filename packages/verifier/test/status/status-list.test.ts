import { describe, expect, it } from 'vitest'
import { NOW_SECONDS } from '../issuer.ts'
import { status } from '../keys/answers.ts'
import { lstOf, setUp } from './list-server.ts'

describe('a session that was ended', () => {
  it('is refused by a list, and others are not', async () => {
    const { check } = await setUp({}, [7, 1_023])
    expect(await check(7)).toBe('token_revoked')
    expect(await check(1_023)).toBe('token_revoked')
    expect(await check(6)).toBe('ok')
    expect(await check(0)).toBe('ok')
  })

  it('is refused within the ttl, by tokens whose verdict was kept as well', async () => {
    const { token, verify, verifier, events, time, answerWith, listOf } = await setUp()
    const kept = token(3)
    for (let times = 0; times < 3; times++) expect(await verify(kept)).toBe('ok')
    expect(verifier.stats().seenBefore).toBe(1)
    expect(await events.next()).toMatchObject({ type: 'list_changed' })
    answerWith(listOf([3]))
    time.advance(5_000)
    expect(await events.next()).toMatchObject({ type: 'list_changed' })
    expect(await verify(kept)).toBe('token_revoked')
    expect(await verify(token(3, { jti: 'token-2' }))).toBe('token_revoked')
    expect(verifier.stats()).toMatchObject({ refused: { token_revoked: 2 }, status: { lists: 1, bytes: 128 } })
  })

  it('stays refused when a server that lags has not heard of it', async () => {
    const { check, events, time, answerWith, listOf } = await setUp({}, [3])
    expect(await check(3)).toBe('token_revoked')
    await events.next()
    answerWith(listOf([4], { claims: { iat: NOW_SECONDS + 1 } }))
    time.advance(5_000)
    await events.next()
    expect(await check(3)).toBe('token_revoked')
    expect(await check(4)).toBe('token_revoked')
    expect(await check(5)).toBe('ok')
  })

  it('is refused by its expiry first, and no list is asked for a token that is refused anyway', async () => {
    const { check, requests } = await setUp({}, [3])
    expect(await check(3, { iat: NOW_SECONDS - 900, exp: NOW_SECONDS - 100 })).toBe('token_expired')
    expect(await check(3, { aud: 'other' })).toBe('audience_mismatch')
    expect(await check(3, { cnf: { jkt: 'x' } })).toBe('token_bound')
    expect(requests).toHaveLength(0)
  })
})

describe('a status that may be temporary', () => {
  /** Two bits each: entry 0 SUSPENDED, 1 INVALID, 2 application-specific. */
  const two = (first: number, iat: number) => ({
    claims: { iat },
    list: { bits: 2, lst: lstOf(Uint8Array.of(first | (1 << 2) | (3 << 4))) },
  })

  it('ends with the next copy, and not by an older one', async () => {
    const { check, events, time, answerWith, listOf } = await setUp()
    answerWith(listOf([], two(2, NOW_SECONDS - 10)))
    for (const entry of [0, 1, 2]) expect(await check(entry)).toBe('token_revoked')
    expect(await check(3)).toBe('ok')
    await events.next()
    answerWith(listOf([], two(0, NOW_SECONDS)))
    time.advance(5_000)
    await events.next()
    expect(await check(0)).toBe('ok')
    expect(await check(1)).toBe('token_revoked')
    answerWith(listOf([], two(2, NOW_SECONDS - 10)))
    time.advance(5_000)
    expect(await events.next()).toMatchObject({ type: 'list_failed', reason: expect.stringContaining('older') })
    expect(await check(0)).toBe('ok')
  })
})

describe('what a token says of its list', () => {
  it('must be an entry of the list', async () => {
    const { check } = await setUp()
    for (const idx of [1_024, 2 ** 24, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1]) {
      expect(await check(idx)).toBe('status_out_of_range')
    }
    expect(await check(-1)).toBe('claim_malformed')
  })

  it('may be nothing: such a token is judged without a list, in every mode', async () => {
    for (const mode of ['off', 'open', 'closed'] as const) {
      const { check, requests } = await setUp({ mode })
      expect(await check(0, { status: undefined })).toBe('ok')
      expect(await check(0, { status: { other_mechanism: {} } })).toBe('ok')
      expect(requests).toHaveLength(0)
    }
  })

  it('is not asked about if the mode is off', async () => {
    const { check, verifier, requests } = await setUp({ mode: 'off' }, [3])
    expect(await check(3)).toBe('ok')
    expect(verifier.stats().status).toBeUndefined()
    expect(requests).toHaveLength(0)
  })
})

describe('a list that cannot be had', () => {
  it('lets tokens pass if the mode is open, and counts them', async () => {
    const { check, verifier, events, answerWith, uri } = await setUp({ mode: 'open' })
    answerWith(status(503))
    expect(await check(3)).toBe('ok')
    expect(await events.next()).toEqual({ type: 'list_failed', uri, reason: 'status 503', url: uri })
    expect(verifier.stats().status).toMatchObject({ unchecked: 1, failures: 1, ageSeconds: 0 })
  })

  it('is no fault of the token if the mode is closed: the client keeps it', async () => {
    const { check, events, time, answerWith, listOf } = await setUp({ mode: 'closed' })
    answerWith(status(503))
    expect(await check(3)).toBe('status_unavailable')
    await events.next()
    answerWith(listOf([4]))
    time.advance(60_000)
    await events.next()
    expect(await check(3)).toBe('ok')
    expect(await check(4)).toBe('token_revoked')
  })

  it('is waited for at its first sight only, by all its tokens together, and no longer than a request may take', async () => {
    const { token, verifier, verify, time, requests, answerWith } = await setUp({ mode: 'closed' })
    answerWith(() => undefined)
    const waiting = [1, 2, 3].map((idx) => verify(token(idx)))
    await expect.poll(() => requests.length).toBe(1)
    time.advance(4_999)
    expect(verifier.verify(token(4))).toBeInstanceOf(Promise)
    time.advance(1)
    expect(await Promise.all(waiting)).toEqual(Array.from({ length: 3 }, () => 'status_unavailable'))
    time.advance(60_000)
    expect(verifier.verify(token(5))).not.toBeInstanceOf(Promise)
  })

  it('after an outage calls tokens valid for maxStaleSeconds, and what it refused stays refused', async () => {
    for (const [mode, then] of [
      ['open', 'ok'],
      ['closed', 'status_unavailable'],
    ] as const) {
      const { check, token, verify, verifier, events, time, answerWith, listOf } = await setUp(
        { mode, maxStaleSeconds: 60 },
        [3],
      )
      const kept = token(4)
      for (let times = 0; times < 3; times++) expect(await verify(kept)).toBe('ok')
      await events.next()
      answerWith(status(503))
      let passedMs = 0
      for (;;) {
        const [delay = 0] = time.pendingMs
        if (passedMs + delay >= 60_000) break
        passedMs += delay
        time.advance(delay)
        expect(await events.next()).toMatchObject({ type: 'list_failed' })
        expect(await verify(kept)).toBe('ok')
      }
      time.advance(time.pendingMs[0] ?? 0)
      expect(await events.next()).toMatchObject({ type: 'list_failed' })
      expect(await events.next()).toMatchObject({ type: 'list_expired' })
      expect(await verify(kept)).toBe(then)
      expect(await check(3)).toBe('token_revoked')
      expect(verifier.stats().status?.ageSeconds).toBeGreaterThanOrEqual(60)
      answerWith(listOf([]))
      time.advance(time.pendingMs[0] ?? 0)
      expect(await events.next()).toMatchObject({ type: 'list_changed' })
      expect(await verify(kept)).toBe('ok')
      expect(await check(3)).toBe('token_revoked')
    }
  })

  it('is asked for again after pauses that grow, so that an outage makes no storm', async () => {
    const { check, events, time, answerWith } = await setUp({ maxStaleSeconds: 60 })
    expect(await check(3)).toBe('ok')
    await events.next()
    answerWith(status(503))
    time.advance(5_000)
    const delays = []
    for (let attempt = 0; attempt < 5; attempt++) {
      await events.next()
      delays.push(time.pendingMs[0] ?? 0)
      time.advance(time.pendingMs[0] ?? 0)
    }
    // Without jitter each is half of its most: 2 s doubled each time, up to twice the ttl.
    expect(delays).toEqual([1_000, 2_000, 4_000, 5_000, 5_000])
  })
})
