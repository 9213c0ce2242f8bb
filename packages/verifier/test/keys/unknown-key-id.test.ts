import type { ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createVerifier } from '../../src/index.ts'
import { AUDIENCE, claimsOf, serve, signToken } from '../issuer.ts'
import { eventQueue, virtualRuntime } from '../virtual-runtime.ts'
import { type Answer, json, keysOf, one, status, two } from './answers.ts'

describe('an unknown key id', () => {
  const setUpVerifier = async (first: Answer) => {
    let answer = first
    let requests = 0
    const issuer = await serve((request, response) => {
      requests++
      answer(request, response)
    })
    const time = virtualRuntime()
    const events = eventQueue()
    const verifier = createVerifier({
      issuer,
      audience: AUDIENCE,
      jwksUri: `${issuer}/jwks.json`,
      onEvent: events.onEvent,
      runtime: time.runtime,
    })
    onTestFinished(() => verifier.close())
    const forged = (kid: string) => signToken({ ...two, kid }, claimsOf({ iss: issuer }))
    return {
      issuer,
      verifier,
      time,
      events,
      forged,
      answerWith: (next: Answer) => (answer = next),
      requests: () => requests,
    }
  }

  it('of a new key is found by one fetch that all its tokens wait for', async () => {
    const { issuer, verifier, answerWith, requests } = await setUpVerifier(keysOf(one))
    await verifier.ready()
    answerWith(keysOf(one, two))
    const tokens = [1, 2, 3].map((jti) => signToken(two, claimsOf({ iss: issuer, jti: `t-${jti}` })))
    const verdicts = await Promise.all(tokens.map(async (token) => verifier.verify(token)))
    expect(verdicts.map(({ ok }) => ok)).toEqual([true, true, true])
    expect(requests()).toBe(2)
    expect(verifier.verify(tokens[0] ?? '')).not.toBeInstanceOf(Promise)
  })

  it('causes at most one fetch a cool-down, however many tokens carry one', async () => {
    const { verifier, time, forged, requests } = await setUpVerifier(keysOf(one))
    await verifier.ready()
    const flood = async () => {
      for (let count = 0; count < 100; count++) {
        expect(await verifier.verify(forged(`forged-${count}`))).toMatchObject({ code: 'key_unknown' })
      }
    }
    await flood()
    expect(requests()).toBe(2)
    time.advance(29_999)
    await flood()
    expect(requests()).toBe(2)
    time.advance(1)
    await flood()
    expect(requests()).toBe(3)
    expect(verifier.stats()).toMatchObject({ refused: { key_unknown: 300 }, keys: { unknownKidRefetches: 2 } })
  })

  it('does not delay tokens of known keys, even if the issuer hangs', async () => {
    const { issuer, verifier, time, forged, answerWith } = await setUpVerifier(keysOf(one))
    await verifier.ready()
    answerWith(() => undefined)
    const waiting = verifier.verify(forged('forged'))
    expect(waiting).toBeInstanceOf(Promise)
    expect(verifier.verify(signToken(one, claimsOf({ iss: issuer })))).toMatchObject({ ok: true })
    time.advance(5_000)
    expect(await waiting).toMatchObject({ code: 'key_unknown' })
    expect(verifier.verify(forged('forged'))).toMatchObject({ code: 'key_unknown' })
  })

  it('is refused within the time-out of one request, even if the keys have moved and the issuer is slow', async () => {
    let moved = false
    const slow: { path: string; response: ServerResponse }[] = []
    const issuer: string = await serve((request, response) => {
      const path = request.url ?? ''
      if (moved) slow.push({ path, response })
      else if (path === '/jwks.json') keysOf(one)(request, response)
      else json({ issuer, jwks_uri: `${issuer}/jwks.json` })(request, response)
    })
    const time = virtualRuntime()
    const events = eventQueue()
    const { runtime } = time
    const verifier = createVerifier({ issuer, audience: AUDIENCE, onEvent: events.onEvent, runtime })
    onTestFinished(() => verifier.close())
    await verifier.ready()
    await events.next()
    moved = true
    time.advance(300_000)
    await expect.poll(() => slow.length).toBe(1)
    slow[0]?.response.writeHead(404).end()
    expect(await events.next()).toMatchObject({ type: 'refresh_failed' })

    const waiting = verifier.verify(signToken({ ...two, kid: 'forged' }, claimsOf({ iss: issuer })))
    expect(waiting).toBeInstanceOf(Promise)
    await expect.poll(() => slow.length).toBe(2)
    time.advance(3_000)
    // No such metadata; the other kind is asked for, which may take as long again.
    slow[1]?.response.writeHead(404).end()
    await expect.poll(() => slow.length).toBe(3)
    time.advance(2_000)
    expect(await waiting).toMatchObject({ code: 'key_unknown' })
    // Nor does a later one wait for the rest.
    expect(verifier.verify(signToken({ ...two, kid: 'forged' }, claimsOf({ iss: issuer })))).toMatchObject({
      ok: false,
    })
  })

  it('before there are any keys waits for the fetch in progress, and is not blamed on the token', async () => {
    const { issuer, verifier, forged } = await setUpVerifier(keysOf(one))
    expect(verifier.isReady).toBe(false)
    expect(await verifier.verify(signToken(one, claimsOf({ iss: issuer })))).toMatchObject({ ok: true })
    const without = await setUpVerifier(status(500))
    expect(await without.verifier.verify(forged('any'))).toMatchObject({ code: 'keys_unavailable' })
    for (let count = 0; count < 10; count++) {
      expect(without.verifier.verify(forged('any'))).toMatchObject({ code: 'keys_unavailable' })
    }
    expect(without.requests()).toBe(1)
  })

  it('through a whole rotation no valid token is refused, and one of a removed key is', async () => {
    const { issuer, verifier, time, events, answerWith } = await setUpVerifier(keysOf(one))
    await verifier.ready()
    const old = signToken(one, claimsOf({ iss: issuer }))
    const fresh = signToken(two, claimsOf({ iss: issuer }))
    expect(await verifier.verify(old)).toMatchObject({ ok: true })
    answerWith(keysOf(one, two))
    expect(await verifier.verify(fresh)).toMatchObject({ ok: true })
    expect(await verifier.verify(old)).toMatchObject({ ok: true })
    answerWith(keysOf(two))
    await events.next()
    await events.next()
    time.advance(300_000)
    expect(await events.next()).toMatchObject({ removed: ['one'] })
    expect(await verifier.verify(fresh)).toMatchObject({ ok: true })
    expect(await verifier.verify(old)).toMatchObject({ code: 'key_unknown' })
  })
})
