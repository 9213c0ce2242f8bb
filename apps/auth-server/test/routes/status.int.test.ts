import { createPublicKey, verify } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { type TestServer, testServer } from '../support/server.ts'
import { bitsOf, claimsOf, headerOf, isListed, statusOf } from '../support/status-list.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer({ ISSUER: 'http://127.0.0.1:4000/sub' })
})

const get = (headers: Record<string, string> = {}, path = '/status/0', method = 'GET') =>
  server.call(method, path, undefined, headers)
const logOut = (refresh_token: string) => server.call('POST', '/auth/logout', { refresh_token })

describe('GET /status/{list}', () => {
  test('is the list that access tokens name, signed by a published key', async () => {
    const { tokens } = await server.login()
    const { uri } = statusOf(tokens.access_token)
    expect(uri).toBe('http://127.0.0.1:4000/sub/status/0')
    const { status, headers, text } = await get({}, '/sub/status/0')
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('application/statuslist+jwt')
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('cache-control')).toBe('no-cache')
    const { keys } = (await server.call('GET', '/.well-known/jwks.json')).body
    expect(headerOf(text)).toEqual({ alg: 'RS256', typ: 'statuslist+jwt', kid: keys[0].kid })
    const { iat, exp, ...claims } = claimsOf(text)
    expect([Math.abs(iat - Date.now() / 1000) < 60, exp - iat]).toEqual([true, 600])
    expect(claims).toEqual({ sub: uri, ttl: 5, status_list: { bits: 1, lst: expect.any(String) } })
    expect(bitsOf(text)).toHaveLength(2 ** 17)
    const [head = '', body = '', signature = ''] = text.split('.')
    const key = createPublicKey({ key: keys[0], format: 'jwk' })
    expect(verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))).toBe(true)
  })

  test('has a session that was logged out, and no other one', async () => {
    const [one, other] = [(await server.login()).tokens, (await server.login()).tokens]
    expect([await isListed(server, one.access_token), await isListed(server, other.access_token)]).toEqual([
      false,
      false,
    ])
    await logOut(one.refresh_token)
    await expect.poll(() => isListed(server, one.access_token)).toBe(true)
    expect(await isListed(server, other.access_token)).toBe(false)
  })

  test('a session keeps its index when it is refreshed, and no two share one', async () => {
    const [one, other] = [(await server.login()).tokens, (await server.login()).tokens]
    const { body } = await server.call('POST', '/auth/refresh', { refresh_token: one.refresh_token })
    expect(statusOf(body.access_token)).toEqual(statusOf(one.access_token))
    expect(statusOf(other.access_token).idx).not.toBe(statusOf(one.access_token).idx)
  })

  test('answers 304 to GET and HEAD if a copy is current', async () => {
    const { headers } = await get()
    const known = { 'if-none-match': `"x", ${headers.get('etag')}` }
    for (const method of ['GET', 'HEAD']) {
      const same = await get(known, '/status/0', method)
      expect([same.status, same.text, same.headers.get('content-length'), same.headers.get('etag')]).toEqual([
        304,
        '',
        null,
        headers.get('etag'),
      ])
    }
    const head = await get({}, '/status/0', 'HEAD')
    expect([head.status, head.headers.get('content-length')]).toEqual([200, headers.get('content-length')])
  })

  test.each([
    ['', null],
    ['gzip', 'gzip'],
    ['br, GZIP;q=0.1', 'gzip'],
    ['gzip;q=0', null],
    ['br, gzip; q=0.00', null],
    ['xgzip', null],
    ['identity', null],
  ])('to a client that accepts "%s" it is encoded as %s', async (accepted, encoding) => {
    const { status, headers, text } = await get({ 'accept-encoding': accepted })
    expect([status, headers.get('content-encoding'), headers.get('vary')]).toEqual([200, encoding, 'accept-encoding'])
    expect(headerOf(text).typ).toBe('statuslist+jwt')
  })

  test.each(['1', '99', '-1', '00', '0x0', '1e3', '999999999', '9999999999', 'a', '0/0'])(
    'there is no list %s',
    async (list) => {
      const { status, body } = await get({}, `/status/${list}`)
      expect([status, body.error]).toEqual([404, 'not_found'])
    },
  )
})

describe('Prefer: wait', () => {
  test('the answer comes when a session is revoked', async () => {
    const { tokens } = await server.login()
    const etag = (await get()).headers.get('etag') ?? ''
    const held = get({ 'if-none-match': etag, prefer: 'respond-async, Wait="20"; x=1' })
    await logOut(tokens.refresh_token)
    const { status, headers } = await held
    expect([status, headers.get('preference-applied')]).toEqual([200, 'wait=20'])
    expect(headers.get('etag')).not.toBe(etag)
    expect(await isListed(server, tokens.access_token)).toBe(true)
  })

  test('nothing has changed in time: 304', async () => {
    const etag = (await get()).headers.get('etag') ?? ''
    const { status, headers } = await get({ 'if-none-match': etag, prefer: 'wait=1' })
    expect([status, headers.get('preference-applied'), headers.get('etag')]).toEqual([304, 'wait=1', etag])
  })

  test('a server that stops answers at once', async () => {
    const stopping = await testServer({ ...server.env, ISSUER: server.env['ISSUER'] ?? '' })
    const etag = (await stopping.call('GET', '/status/0')).headers.get('etag') ?? ''
    const known = { 'if-none-match': etag, prefer: 'wait=30' }
    const held = stopping.call('GET', '/status/0', undefined, known)
    // The request has arrived when one that was sent after it is answered.
    await stopping.call('GET', '/livez')
    const [{ status, headers }] = await Promise.all([held, stopping.service.stop()])
    expect([status, headers.get('preference-applied')]).toEqual([304, 'wait=30'])
  })

  test.each([
    ['no copy', 'wait=30', ''],
    ['another copy', 'wait=30', '"another"'],
  ])('%s: answered at once, and the service learns that it may wait', async (_what, prefer, etag) => {
    const { status, headers } = await get({ prefer, ...(etag && { 'if-none-match': etag }) })
    expect([status, headers.get('preference-applied')]).toEqual([200, 'wait=30'])
  })

  test.each(['wait=-1', 'wait', 'wait=', 'wait=a', 'await=30', 'wait=0', 'x="wait=30"'])(
    '%s is no wish to wait',
    async (prefer) => {
      const etag = (await get()).headers.get('etag') ?? ''
      const { status, headers } = await get({ 'if-none-match': etag, prefer })
      expect([status, headers.get('preference-applied')]).toEqual([304, null])
    },
  )
})
