import type { TestServer } from './server.ts'

const CALLS = ['/auth/login', '/auth/refresh', '/auth/logout']
const COOKIE = '__Host-Http-heirloom-'

/** The value of a cookie that an answer sets, or undefined. It must be out of the reach of scripts and of other sites. */
export function cookieOf(headers: Headers, clientId: string): string | undefined {
  const [set, ...more] = headers.getSetCookie()
  if (set === undefined) return undefined
  const [pair = '', ...attributes] = set.split('; ')
  const required = ['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure']
  const others = attributes.filter((one) => !/^(Max-Age|Expires)=/.test(one)).toSorted()
  if (more.length > 0 || others.join() !== required.join())
    throw new Error(`a cookie that is not safe: ${attributes.join()}`)
  const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
  if (name !== COOKIE + clientId) throw new Error(`a cookie of another name: ${name}`)
  return value
}

/** What a browser sends with a call of a page of the server's own origin. */
export const ownPage = (origin: string, clientId: string, token?: string): Record<string, string> => ({
  origin,
  'sec-fetch-site': 'same-origin',
  ...(token !== undefined && { cookie: `${COOKIE}${clientId}=${token}` }),
})

/** Where a suite keeps the refresh token, so that it runs with both. */
export const DELIVERIES = [
  ['in the body', (server: TestServer) => server],
  ['in the cookie', byCookie],
] as const

/**
 * The same server as a page of its own origin uses it: the refresh token is in the cookie. The test goes on as if it were in
 * the body, so that it runs with both.
 */
export function byCookie(server: TestServer): TestServer {
  const origin = new URL(server.env['ISSUER'] ?? 'http://127.0.0.1:4000').origin
  const call: TestServer['call'] = async (method, path, sent, headers = {}) => {
    if (!CALLS.includes(path)) return server.call(method, path, sent, headers)
    const { refresh_token: token, ...rest } = sent as Record<string, string>
    const clientId = rest['client_id'] ?? 'web'
    const body = { client_id: clientId, ...rest, ...(path === '/auth/login' && { delivery: 'cookie' }) }
    const answer = await server.call(method, path, body, { ...ownPage(origin, clientId, token), ...headers })
    if (answer.body?.refresh_token !== undefined) throw new Error('the body has a refresh token')
    return answer.status === 200
      ? { ...answer, body: { ...answer.body, refresh_token: cookieOf(answer.headers, clientId) } }
      : answer
  }
  return { ...server, call, login: (body) => server.login(body, call) }
}
