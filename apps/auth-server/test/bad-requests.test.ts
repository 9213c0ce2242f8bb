import { connect } from 'node:net'
import { beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from './support/server.ts'

const GONE_WRONG = { error: expect.any(String), error_description: expect.any(String) }

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})

test.each(['/nothing', '/docs/static/nothing.js'])('GET %s is nothing, in the shape of every error', async (path) => {
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
