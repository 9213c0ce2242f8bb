import { connect } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { type TestServer, testServer } from './support/server.ts'

const GONE_WRONG = { error: expect.any(String), error_description: expect.any(String) }

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})

test.each(['/nothing', '/docs/static/nothing.js'])('GET %s is 404, in the shape of every error', async (path) => {
  const { status, body } = await server.call('GET', path)
  expect([status, body]).toEqual([404, { ...GONE_WRONG, error: 'not_found' }])
})

test.each([
  ['malformed JSON', 'POST', '/auth/login', '{"username":', {}, 400],
  [
    'a body of 2 MB',
    'POST',
    '/auth/login',
    JSON.stringify({ username: 'a', password: 'x'.repeat(2_000_000) }),
    {},
    413,
  ],
  [
    'another content type',
    'POST',
    '/auth/login',
    'username=a',
    { 'content-type': 'application/x-www-form-urlencoded' },
    415,
  ],
  ['plain text', 'POST', '/auth/login', '{}', { 'content-type': 'text/plain' }, 415],
  ['wrong types', 'POST', '/auth/refresh', { refresh_token: 7 }, {}, 400],
  ['no body', 'POST', '/auth/login', undefined, { 'content-type': 'application/json' }, 400],
  ['missing fields', 'POST', '/auth/logout', {}, {}, 400],
  ['__proto__', 'POST', '/auth/refresh', '{"refresh_token":"x","__proto__":{"a":1}}', {}, 400],
  ['an unknown address', 'GET', '/nowhere', undefined, {}, 404],
  ['an unknown address, and malformed JSON', 'POST', '/nowhere', '{"username":', {}, 404],
  ['a wrong method', 'GET', '/auth/login', undefined, {}, 405],
])('%s', async (_, method, path, body, headers, status) => {
  const answer = await server.call(method, path, body, headers)
  expect([answer.status, answer.body]).toEqual([status, GONE_WRONG])
})

test('a body at one byte a second is cut off within ten seconds, and answered once', async () => {
  const { hostname, port } = new URL(server.service.url)
  const dripInto = (requestLine: string) =>
    new Promise<string>((resolve) => {
      let text = ''
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `${requestLine} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`,
        )
      })
      const drip = setInterval(() => socket.write('{'), 1_000)
      socket.on('data', (data) => (text += data.toString())).on('error', () => undefined)
      socket.on('close', () => {
        clearInterval(drip)
        resolve(text)
      })
    })
  const began = performance.now()
  const answers = await Promise.all([dripInto('POST /auth/login'), dripInto('POST /auth/password')])
  expect(performance.now() - began).toBeLessThan(10_000)
  const statuses = answers.map((answer) => answer.match(/(?<=^HTTP\/1.1 )\d+/gm))
  expect(statuses).toEqual([['408'], ['401']])
})

describe('what is answered on the bare connection', () => {
  const SECRET = 'a-value-that-does-not-come-back'
  /** Returns everything that arrives until the server closes the connection. */
  const send = (...parts: string[]) =>
    new Promise<string>((resolve) => {
      const { hostname, port } = new URL(server.service.url)
      let text = ''
      const socket = connect(Number(port), hostname, () => socket.write(parts.join('\r\n')))
      socket.on('data', (data) => (text += data.toString())).on('error', () => undefined)
      socket.on('close', () => resolve(text))
    })

  test.each([
    ['headers above 16 KiB', 431, [`GET /livez HTTP/1.1`, 'Host: a', `X-A: ${SECRET.repeat(700)}`, '', '']],
    ['an address above 16 KiB', 431, [`GET /${SECRET.repeat(700)} HTTP/1.1`, 'Host: a', '', '']],
    ['no request line', 400, [`NONSENSE ${SECRET}`, '', '']],
    ['an unknown method', 400, [`${SECRET} / HTTP/1.1`, 'Host: a', '', '']],
    ['an unknown version', 400, [`GET /${SECRET} HTTP/3.0`, 'Host: a', '', '']],
    ['CONNECT', 400, [`CONNECT ${SECRET}:80 HTTP/1.1`, 'Host: a', '', '']],
    [
      'extensions of a chunk above 16 KiB',
      413,
      [
        'POST /auth/login HTTP/1.1',
        'Host: a',
        'Content-Type: application/json',
        'Transfer-Encoding: chunked',
        '',
        `2;${SECRET.repeat(700)}`,
        '{}',
        '',
      ],
    ],
  ])('%s: %i, in the shape of every error, without any input', async (_, status, parts) => {
    const text = await send(...parts)
    const [head = '', body = ''] = text.split('\r\n\r\n')
    expect(head.split('\r\n')).toEqual([
      expect.stringMatching(new RegExp(`^HTTP/1.1 ${status} \\w`)),
      'X-Content-Type-Options: nosniff',
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${body.length}`,
      'Access-Control-Allow-Origin: *',
      'Connection: close',
    ])
    expect(JSON.parse(body)).toEqual({ ...GONE_WRONG, error: 'invalid_request' })
    expect(text).not.toContain(SECRET)
  })

  test('bytes that are not HTTP after a request get no answer that could be taken for the answer to that request', async () => {
    const login = JSON.stringify({ username: 'nobody', password: 'a long and quiet walk' })
    const text = await send(
      'POST /auth/login HTTP/1.1',
      'Host: a',
      'Content-Type: application/json',
      `Content-Length: ${login.length}`,
      '',
      `${login}NONSENSE`,
      '',
      '',
    )
    expect(text).toBe('')
  })
})
