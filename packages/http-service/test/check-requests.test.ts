import { expect, test } from 'vitest'
import { startService } from './support/service.ts'

const close = 'Connection: close\r\n\r\n'

test.each([
  ['no host', '', 400],
  ['two hosts', 'Host: a\r\nhost: b\r\n', 400],
  ['an Expect header that we do not support', 'Host: a\r\nExpect: coffee\r\n', 417],
])('a request with %s is refused, in the shape of every error', async (_, headers, status) => {
  const { send } = await startService({})
  const answer = await send(`GET /livez HTTP/1.1\r\n${headers}${close}`)
  expect(answer).toMatch(`HTTP/1.1 ${status}`)
  expect(answer).toMatch('"error":"invalid_request"')
  expect(answer).toMatch(/^x-content-type-options: nosniff\r$/im)
})

test.each(['GET /livez HTTP/1.0\r\n\r\n', `GET /livez HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${close}`])(
  '%j is served',
  async (bytes) => {
    const { send } = await startService({})
    expect(await send(bytes)).toMatch('HTTP/1.1 200')
  },
)

test('junk in X-Forwarded-For is not taken for an address', async () => {
  const { url } = await startService({
    trustedProxies: ['127.0.0.1'],
    routes: (app) => void app.get('/ip', async ({ ip }) => ({ ip })),
  })
  const ipOf = async (header: string) => (await fetch(`${url}/ip`, { headers: { 'x-forwarded-for': header } })).json()
  expect(await ipOf('192.0.2.1:1234')).toEqual({ ip: '192.0.2.1' })
  expect(await ipOf('192.0.2.1, junk')).toEqual({ ip: '127.0.0.1' })
})
