import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { RemoteKeySet, type RemoteKeySetOptions } from '../../src/index.ts'
import { serve } from '../issuer.ts'
import { eventQueue, virtualRuntime } from '../virtual-runtime.ts'
import { type Answer, json, keysOf, one, status, two } from './answers.ts'

/** A key set whose issuer is a real server on this machine, and whose time is virtual. */
async function setUp(first: Answer, options: Partial<RemoteKeySetOptions> = {}) {
  let answer = first
  const requests: IncomingMessage[] = []
  const issuer = await serve((request, response) => {
    requests.push(request)
    answer(request, response)
  })
  const time = virtualRuntime()
  const events = eventQueue()
  const set = new RemoteKeySet({
    issuer,
    jwksUri: `${issuer}/jwks.json`,
    onEvent: events.onEvent,
    runtime: time.runtime,
    ...options,
  })
  onTestFinished(() => set.close())
  return { set, issuer, time, events, requests, answerWith: (next: Answer) => (answer = next) }
}

describe('ready before the first request', () => {
  it('fetches at once, and says when it has keys', async () => {
    const { set, requests } = await setUp(keysOf(one))
    expect(set.isEmpty).toBe(true)
    await set.ready()
    expect(set.get('one')).toMatchObject({ kid: 'one', algorithm: 'RS256' })
    expect(set.stats()).toMatchObject({ keys: 1, ageSeconds: 0, refreshes: 1, failures: 0, unknownKidRefetches: 0 })
    expect(requests).toHaveLength(1)
  })

  it('starts without its issuer and retries, with growing delays up to a minute', async () => {
    const { set, issuer, time, events, answerWith } = await setUp(status(503))
    const delays = []
    for (let attempt = 0; attempt < 8; attempt++) {
      expect(await events.next()).toEqual({ type: 'refresh_failed', reason: 'status 503', url: `${issuer}/jwks.json` })
      const [delay = 0] = time.pendingMs
      delays.push(delay)
      if (attempt === 7) answerWith(keysOf(one))
      time.advance(delay)
    }
    // Without jitter each is half of its most: 1 s doubled each time, to 60 s.
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    await set.ready()
    expect(set.isEmpty).toBe(false)
  })

  it('does not reveal credentials in an address', async () => {
    const { set, issuer, events } = await setUp(status(503))
    const withLogin = new RemoteKeySet({
      issuer,
      jwksUri: `${issuer.replace('http://', 'http://user:hunter2@')}/jwks.json`,
      onEvent: events.onEvent,
    })
    onTestFinished(() => withLogin.close())
    await events.next()
    const event = await events.next()
    expect(JSON.stringify(event) + withLogin.problem + set.problem).not.toContain('hunter2')
  })

  it('does not keep a closed set waiting', async () => {
    const { set, time, events } = await setUp(status(503))
    await events.next()
    set.close()
    await expect(set.ready()).rejects.toThrow('closed')
    expect(time.pendingMs).toEqual([])
    expect(set.refetchForUnknownKid()).toBeUndefined()
  })
})

describe('refresh', () => {
  it('comes before the keys are stale, by what the issuer says and by what we say', async () => {
    for (const [cacheControl, seconds] of [
      ['max-age=120', 120],
      ['public, max-age=86400', 300],
      ['max-age=0', 60],
      ['no-store', 300],
      ['max-age=rubbish', 300],
    ] as const) {
      const { set, time } = await setUp(json({ keys: [one.jwk] }, { 'cache-control': cacheControl }))
      await set.ready()
      expect(time.pendingMs).toEqual([seconds * 1000])
    }
  })

  it('has much jitter after a start, and little in the steady state', async () => {
    const time = virtualRuntime()
    const { set, events } = await setUp(keysOf(one), { runtime: { ...time.runtime, random: () => 0.999 } })
    await set.ready()
    await events.next()
    expect(time.pendingMs[0]).toBeCloseTo(30_270, 0)
    time.advance(30_270)
    expect(await events.next()).toEqual({ type: 'keys_confirmed' })
    expect(time.pendingMs[0]).toBeCloseTo(297_003, 0)
  })

  it('adds new keys, drops removed ones, and keeps the others as the same objects', async () => {
    const { set, time, events, answerWith } = await setUp(keysOf(one))
    expect(await events.next()).toEqual({ type: 'keys_changed', added: ['one'], removed: [], ignored: [] })
    const before = set.get('one')
    answerWith(keysOf(one, two))
    time.advance(300_000)
    expect(await events.next()).toMatchObject({ added: ['two'], removed: [] })
    expect(set.get('one')).toBe(before)
    answerWith(keysOf(two))
    time.advance(300_000)
    expect(await events.next()).toMatchObject({ added: [], removed: ['one'] })
    expect(set.get('one')).toBeUndefined()
  })

  it('sends the ETag, and takes 304 for a confirmation', async () => {
    const { set, time, events, requests, answerWith } = await setUp(json({ keys: [one.jwk] }, { etag: '"v1"' }))
    await events.next()
    answerWith(status(304, { 'cache-control': 'max-age=90' }))
    time.advance(300_000)
    expect(await events.next()).toEqual({ type: 'keys_confirmed' })
    expect(requests[1]?.headers['if-none-match']).toBe('"v1"')
    expect(set.stats().ageSeconds).toBe(0)
    expect(time.pendingMs).toEqual([90_000])
  })

  it('survives a listener that throws', async () => {
    const { set } = await setUp(keysOf(one), {
      onEvent() {
        throw new Error('from the listener')
      },
    })
    await set.ready()
    expect(set.isEmpty).toBe(false)
  })
})

describe('the cool-down', () => {
  it('takes up to half as long again, so that flooded replicas do not fetch in step', async () => {
    const time = virtualRuntime()
    let random = 0
    const { set, requests } = await setUp(keysOf(one), { runtime: { ...time.runtime, random: () => random } })
    await set.ready()
    random = 0.999
    const refetch = set.refetchForUnknownKid()
    random = 0
    await refetch
    time.advance(44_900)
    expect(set.refetchForUnknownKid()).toBeUndefined()
    time.advance(100)
    await set.refetchForUnknownKid()
    expect(requests).toHaveLength(3)
  })
})

describe('what never displaces good keys', () => {
  const BAD: Record<string, [Answer, string | RegExp]> = {
    'an empty set': [json({ keys: [] }), 'no usable key'],
    'HTML with status 200': [status(200, { 'content-type': 'text/html' }, '<html>'), 'not strict JSON'],
    'a set of another form': [json([one.jwk]), 'not a JWK set'],
    'a member given twice': [status(200, {}, '{"keys":[],"keys":[]}'), 'not strict JSON'],
    'deep nesting': [status(200, {}, '['.repeat(20_000)), 'not strict JSON'],
    'another key under a known kid': [json({ keys: [{ ...two.jwk, kid: 'one' }] }), 'another key under a known kid'],
    'more bytes than allowed': [json({ keys: [one.jwk], x: 'x'.repeat(70_000) }), /^longer than 65536 bytes/],
    'a redirect': [status(302, { location: 'http://127.0.0.1:1/' }), 'status 302'],
    'an error': [status(500), 'status 500'],
    'a 304 that was not asked for': [status(304), 'status 304'],
    'a broken connection': [(request) => request.socket.destroy(), /./],
    'bytes that are not UTF-8': [(_request, response) => response.end(Buffer.from([0x22, 0xff, 0x22])), /not UTF-8/],
  }

  it.each(Object.entries(BAD))('%s', async (_what, [answer, reason]) => {
    const { set, time, events, answerWith } = await setUp(keysOf(one))
    await events.next()
    const before = set.get('one')
    answerWith(answer)
    time.advance(300_000)
    const event = await events.next()
    expect(event).toMatchObject({
      type: 'refresh_failed',
      reason: typeof reason === 'string' ? reason : expect.stringMatching(reason),
    })
    expect(set.get('one')).toBe(before)
    answerWith(keysOf(one))
    time.advance(500)
    expect(await events.next()).toEqual({ type: 'keys_confirmed' })
  })

  it('an issuer that hangs, before its answer or inside it', async () => {
    for (const hang of [() => undefined, (_request: unknown, response: ServerResponse) => void response.write('{')]) {
      const { set, time, events, requests, answerWith } = await setUp(keysOf(one))
      await events.next()
      answerWith(hang)
      time.advance(300_000)
      expect(set.stats().refreshes).toBe(2)
      time.advance(5_000)
      expect(await events.next()).toMatchObject({ type: 'refresh_failed', reason: 'no answer within 5000 ms' })
      expect(set.get('one')).toBeDefined()
      expect(requests.length).toBeLessThanOrEqual(2)
    }
  })
})

describe('an outage of the issuer', () => {
  it('keeps the last good keys for the stated time, and then has none', async () => {
    const { set, time, events, answerWith } = await setUp(keysOf(one), { keepSeconds: 3_600 })
    await events.next()
    answerWith(status(503))
    let elapsedMs = 0
    for (;;) {
      const [delay = 0] = time.pendingMs
      elapsedMs += delay
      time.advance(delay)
      await events.next()
      if (elapsedMs >= 3_600_000) break
      expect(set.get('one')).toBeDefined()
    }
    expect(await events.next()).toEqual({ type: 'keys_expired' })
    expect(set.isEmpty).toBe(true)
    answerWith(keysOf(one))
    time.advance(time.pendingMs[0] ?? 0)
    expect(await events.next()).toMatchObject({ type: 'keys_changed', added: ['one'] })
  })
})
