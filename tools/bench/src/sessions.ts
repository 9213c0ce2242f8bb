import { Pool } from 'undici'

/** Sessions of one server, and how they refresh. */
export interface Driven {
  name: string
  pool: Pool
  /** The newest refresh token of each session. */
  tokens: string[]
  request: (
    token: string,
    session: number,
  ) => { path: string; type: string; body: string; headers?: Record<string, string> }
}

export const USER = { username: 'bench', password: 'a long and quiet walk' }

export const ourRefresh: Driven['request'] = (token) => ({
  path: '/auth/refresh',
  type: 'application/json',
  body: JSON.stringify({ refresh_token: token }),
})

/** Where the page of `refreshByCookie` has its origin. */
const PAGE = 'http://127.0.0.1:5173'
const COOKIE = '__Host-Http-heirloom-web'

/** As a page of another origin and the same site sends it. */
export const refreshByCookie: Driven['request'] = (token) => ({
  path: '/auth/refresh',
  type: 'application/json',
  body: '{}',
  headers: { cookie: `${COOKIE}=${token}`, origin: PAGE, 'sec-fetch-site': 'same-site' },
})

/** Registers the user and logs in. Returns a refresh token per session. */
export async function logIn(url: string, sessions: number): Promise<string[]> {
  const pool = new Pool(url, { connections: 4 })
  const post = async (path: string) => {
    const body = JSON.stringify(USER)
    const answer = await pool.request({ method: 'POST', path, body, headers: { 'content-type': 'application/json' } })
    return (await answer.body.json()) as { refresh_token: string }
  }
  await post('/auth/register')
  const tokens: string[] = []
  for (let i = 0; i < sessions; i++) tokens.push((await post('/auth/login')).refresh_token)
  await pool.destroy()
  return tokens
}

/** Refreshes until `count` are answered. Each session waits for its answer. Returns the milliseconds of each. */
export async function drive({ pool, tokens, request, name }: Driven, count: number): Promise<number[]> {
  const latencies: number[] = []
  let left = count
  await Promise.all(
    tokens.map(async (_, session) => {
      while (left-- > 0) {
        const { path, type, body, headers } = request(tokens[session] ?? '', session)
        const began = performance.now()
        const answer = await pool.request({ method: 'POST', path, body, headers: { 'content-type': type, ...headers } })
        const { refresh_token: inBody, error } = (await answer.body.json()) as {
          refresh_token?: string
          error?: string
        }
        const next = inBody ?? tokenIn(answer.headers['set-cookie'])
        if (next === undefined) throw new Error(`${name} answered ${answer.statusCode} ${error}`)
        latencies.push(performance.now() - began)
        tokens[session] = next
      }
    }),
  )
  return latencies
}

const tokenIn = (cookie: string | string[] | undefined) =>
  typeof cookie === 'string' ? new RegExp(`^${COOKIE}=([^;]+)`).exec(cookie)?.[1] : undefined
