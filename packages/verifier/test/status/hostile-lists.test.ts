import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { NOW_SECONDS, encode, makeKey } from '../issuer.ts'
import { status } from '../keys/answers.ts'
import { type ListParts, answerToken, listClaims, listToken, packed, setUp, stranger } from './list-server.ts'

const bomb = deflateSync(Buffer.alloc(2 ** 28)).toString('base64url')
const truncated = deflateSync(packed(128, 3)).subarray(0, -6).toString('base64url')
const claims = (changes: Record<string, unknown>): ListParts => ({ claims: changes })
const list = (changes: object): ListParts => ({ list: changes })
const header = (changes: object): ListParts => ({ header: changes })

/** Each is served for the list of a fleet, with the bit of entry 4 set. */
const HOSTILE: Record<string, [ListParts | ((token: string, uri: string) => string), reason: string | RegExp]> = {
  'signed by a stranger under a known kid': [{ signer: stranger }, /signature/],
  'signed by an unknown key': [{ signer: makeKey('key-2') }, /No key/],
  'an access token of the issuer': [header({ typ: 'at+jwt' }), /typ/],
  'a list of another format': [header({ typ: 'statuslist+cwt' }), /typ/],
  'without a typ': [header({ typ: undefined }), /typ/],
  'alg none': [header({ alg: 'none' }), /algorithm/],
  'without a signature': [(token) => token.slice(0, token.lastIndexOf('.') + 1), /compact form/],
  'with a key of its own': [header({ jwk: stranger.jwk }), /jwk/],
  'with a changed claims set': [
    (token, uri) => token.replace(/\.[^.]+\./, `.${encode(listClaims(uri, []))}.`),
    /signature/,
  ],
  'cut short': [(token) => token.slice(0, -20), /signature|compact form/],
  'no token at all': [() => '<html>', /compact form/],
  nothing: [() => '', /compact form/],
  'of another address': [claims({ sub: 'https://auth.example/status/1' }), /"sub"/],
  'without an address': [claims({ sub: undefined }), /"sub"/],
  'of another issuer': [claims({ iss: 'https://other.example' }), /another issuer/],
  expired: [claims({ iat: NOW_SECONDS - 700, exp: NOW_SECONDS - 100 }), /expired/],
  'that ends before it begins': [claims({ iat: NOW_SECONDS, exp: NOW_SECONDS }), /"exp"/],
  'without iat': [claims({ iat: undefined }), /"iat"/],
  'of the future': [claims({ iat: NOW_SECONDS + 60 }), /future/],
  'of the future, by nbf': [claims({ nbf: NOW_SECONDS + 60 }), /not valid yet/],
  'with a text for exp': [claims({ exp: String(NOW_SECONDS + 600) }), /"exp"/],
  'with a ttl of 0': [claims({ ttl: 0 }), /"ttl"/],
  'with a negative ttl': [claims({ ttl: -1 }), /"ttl"/],
  'without a list': [claims({ status_list: undefined }), /status_list/],
  'with 3 bits': [list({ bits: 3 }), /"bits"/],
  'with 16 bits': [list({ bits: 16 }), /"bits"/],
  'with bits in a text': [list({ bits: '1' }), /"bits"/],
  'without bits': [list({ bits: undefined }), /"bits"/],
  'with padded base64': [list({ lst: `${deflateSync(packed(1)).toString('base64url')}=` }), /base64url/],
  'with a number for lst': [list({ lst: 7 }), /"lst"/],
  'not zlib': [list({ lst: encode('not zlib data') }), /zlib/],
  'zlib that is cut short': [list({ lst: truncated }), /zlib/],
  'a zlib bomb of 256 MiB': [list({ lst: bomb }), /more than 16777216 entries/],
  'a zlib bomb of 8 bits': [list({ lst: bomb, bits: 8 }), /more than 16777216 entries/],
}

describe('a list that never comes into force', () => {
  it.each(Object.entries(HOSTILE))('%s', async (_what, [parts, reason]) => {
    const { check, events, time, uri, answerWith, listOf } = await setUp({ mode: 'closed' }, [3])
    expect(await check(4)).toBe('ok')
    await events.next()
    const token = typeof parts === 'function' ? parts(listToken(uri, [4]), uri) : listToken(uri, [4], parts)
    answerWith(answerToken(token))
    time.advance(5_000)
    expect(await events.next()).toMatchObject({ type: 'list_failed', uri, reason: expect.stringMatching(reason) })
    // It changed nothing.
    expect(await check(4)).toBe('ok')
    expect(await check(3)).toBe('token_revoked')
    answerWith(listOf([4]))
    time.advance(1_000)
    expect(await events.next()).toMatchObject({ type: 'list_changed' })
    expect(await check(4)).toBe('token_revoked')
  })

  it.each([
    ['more bytes than allowed', answerToken('x'.repeat(5 * 2 ** 20)), /^longer than 4194304 bytes/],
    ['a redirect', status(302, { location: 'http://127.0.0.1:1/' }), 'status 302'],
    ['a 304 that was not asked for', status(304), 'status 304'],
  ] as const)('%s', async (_what, answer, reason) => {
    const { check, events, answerWith } = await setUp({ mode: 'closed' })
    answerWith(answer)
    expect(await check(4)).toBe('status_unavailable')
    expect(await events.next()).toMatchObject({ type: 'list_failed', reason: expect.stringMatching(reason) })
  })

  it('is no reason to refuse its tokens if the mode is open', async () => {
    const { check, uri, answerWith } = await setUp({ mode: 'open' })
    answerWith(answerToken(listToken(uri, [4], { signer: stranger })))
    expect(await check(4)).toBe('ok')
  })
})
