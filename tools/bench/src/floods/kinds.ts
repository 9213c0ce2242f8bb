import { randomBytes, randomUUID } from 'node:crypto'
import { PASSWORD, type Request, type Tokens, type FloodContext } from './world.ts'

/** What may be left after a flood from so many addresses. Rows in Postgres, keys in Redis. */
interface Bound {
  rows: number
  keys: number
}

export interface Kind {
  name: string
  needsAccount?: true
  /** Answers the request with this number; told what each was answered. */
  prepare: (
    world: FloodContext,
  ) => Promise<{ request: (i: number) => Request; heard?: (body: Partial<Tokens>) => void }>
  bound: (addresses: number) => Bound
}

/** The account that the honest user has, too. */
export const VICTIM = 'honest'
const INSIDER = 'insider'
/** LOGIN_ATTEMPTS_PER_ADDRESS and LOGIN_ATTEMPTS_PER_ACCOUNT. */
const PER_ADDRESS = 100
/** Right logins of one user in a window. */
const LOGINS = 300
const PER_ACCOUNT = 10
/** A row a day, and a run may see midnight. */
const A_DAY = 2

const nothing = () => ({ rows: 0, keys: 0 })
const oneRow = () => ({ rows: A_DAY, keys: 0 })
const post = (path: string, body: object | string): Request => ({ method: 'POST', path, body })
const always = (request: Request) => async () => ({ request: () => request })
const token = (bytes: number) => `hrt_${randomBytes(bytes).toString('base64url')}`

/** A session of the insider's, and a flood of requests that are made of its tokens. */
const withSession =
  (work: (tokens: Tokens, world: FloodContext) => Request | Promise<Request>): Kind['prepare'] =>
  async (world) => {
    const request = await work(await world.logIn(INSIDER), world)
    return { request: () => request }
  }

const dead = (path: string): Kind['prepare'] =>
  withSession(async ({ refresh_token }, world) => {
    await world.send(post('/auth/logout', { refresh_token }), INSIDER_IP)
    return post(path, { refresh_token })
  })

const INSIDER_IP = '192.0.2.50'

export const KINDS: Kind[] = [
  {
    name: 'login, wrong password',
    prepare: always(post('/auth/login', { username: VICTIM, password: 'wrong' })),
    bound: (addresses) => ({ rows: addresses * A_DAY, keys: addresses + 1 }),
  },
  {
    name: 'login, unknown users',
    prepare: async () => ({ request: (i) => post('/auth/login', { username: `nobody-${i}`, password: 'wrong' }) }),
    bound: (addresses) => ({ rows: addresses * A_DAY, keys: addresses * (1 + PER_ADDRESS) }),
  },
  {
    name: 'login, no JSON',
    prepare: always(post('/auth/login', '{"username":')),
    bound: nothing,
  },
  {
    name: 'register, good',
    prepare: async () => ({
      request: () => post('/auth/register', { username: randomUUID(), password: PASSWORD }),
    }),
    bound: (addresses) => ({ rows: addresses * PER_ADDRESS * 2, keys: addresses }),
  },
  {
    name: 'register, weak password',
    prepare: async () => ({ request: () => post('/auth/register', { username: randomUUID(), password: 'short' }) }),
    bound: (addresses) => ({ rows: 0, keys: addresses }),
  },
  {
    name: 'refresh, junk',
    prepare: async () => ({ request: () => post('/auth/refresh', { refresh_token: token(30) }) }),
    bound: nothing,
  },
  {
    name: 'refresh, forged',
    prepare: async () => ({ request: () => post('/auth/refresh', { refresh_token: token(54) }) }),
    bound: nothing,
  },
  {
    name: 'logout, junk',
    prepare: async () => ({ request: () => post('/auth/logout', { refresh_token: token(54) }) }),
    bound: nothing,
  },
  {
    name: 'sessions, bad bearer',
    prepare: async () => ({ request: (i) => ({ method: 'GET', path: '/auth/sessions', token: `a.b.${i}` }) }),
    bound: nothing,
  },
  {
    name: 'sessions, no bearer',
    prepare: always({ method: 'GET', path: '/auth/sessions' }),
    bound: nothing,
  },
  { name: 'key set', prepare: always({ method: 'GET', path: '/.well-known/jwks.json' }), bound: nothing },
  {
    name: 'metadata',
    prepare: always({ method: 'GET', path: '/.well-known/oauth-authorization-server' }),
    bound: nothing,
  },
  { name: 'docs', prepare: always({ method: 'GET', path: '/docs/static/swagger-ui.css' }), bound: nothing },
  { name: 'openapi.json', prepare: always({ method: 'GET', path: '/openapi.json' }), bound: nothing },
  {
    name: 'no such address',
    prepare: async () => ({ request: (i) => ({ method: 'GET', path: `/nothing/${i}?a=${i}` }) }),
    bound: nothing,
  },
  { name: 'wrong method', prepare: always({ method: 'DELETE', path: '/auth/login' }), bound: nothing },
  { name: 'refresh, ended session', needsAccount: true, prepare: dead('/auth/refresh'), bound: oneRow },
  { name: 'logout, ended session', needsAccount: true, prepare: dead('/auth/logout'), bound: oneRow },
  {
    name: 'refresh, another client',
    needsAccount: true,
    prepare: withSession(({ refresh_token }) => post('/auth/refresh', { refresh_token, client_id: 'another' })),
    bound: oneRow,
  },
  {
    name: 'refresh, the same token',
    needsAccount: true,
    prepare: withSession(({ refresh_token }) => post('/auth/refresh', { refresh_token })),
    bound: oneRow,
  },
  {
    name: 'refresh, an old token',
    needsAccount: true,
    prepare: withSession(async ({ refresh_token }, world) => {
      const second = await world.send(post('/auth/refresh', { refresh_token }), INSIDER_IP)
      await world.send(post('/auth/refresh', { refresh_token: second.body['refresh_token'] }), INSIDER_IP)
      return post('/auth/refresh', { refresh_token })
    }),
    // `reuse`, `revoked`, `refresh_refused`
    bound: () => ({ rows: 3 * A_DAY, keys: 0 }),
  },
  {
    name: 'refresh, the newest token',
    needsAccount: true,
    prepare: async (world) => {
      let { refresh_token: newest } = await world.logIn(INSIDER)
      return {
        request: () => post('/auth/refresh', { refresh_token: newest }),
        heard: ({ refresh_token: next = newest }) => void (newest = next),
      }
    },
    // Answers overtake each other: it ends like an old token.
    bound: () => ({ rows: 3 * A_DAY, keys: 0 }),
  },
  {
    name: 'login, right password',
    needsAccount: true,
    prepare: always(post('/auth/login', { username: INSIDER, password: PASSWORD })),
    // A session and an event each, and what says where the user logs in from.
    bound: () => ({ rows: LOGINS * 2, keys: LOGINS + 200 }),
  },
  {
    name: 'password, wrong',
    needsAccount: true,
    prepare: withSession(({ access_token }) => ({
      ...post('/auth/password', { current_password: 'wrong', new_password: PASSWORD }),
      token: access_token,
    })),
    bound: (addresses) => ({ rows: Math.min(addresses, PER_ACCOUNT) * A_DAY, keys: addresses + 1 }),
  },
  {
    name: 'password, right',
    needsAccount: true,
    prepare: withSession(({ access_token }) => ({
      ...post('/auth/password', { current_password: PASSWORD, new_password: PASSWORD }),
      token: access_token,
    })),
    // An event each, and the end of the sessions that floods before this one have opened.
    bound: (addresses) => ({ rows: PER_ACCOUNT + LOGINS, keys: addresses + 1 }),
  },
  {
    name: 'ending a session of nobody',
    needsAccount: true,
    prepare: async (world) => {
      const { access_token } = await world.logIn(INSIDER)
      return { request: () => ({ method: 'DELETE', path: `/auth/sessions/${randomUUID()}`, token: access_token }) }
    },
    bound: nothing,
  },
  {
    name: 'ending an ended session',
    needsAccount: true,
    prepare: async (world) => {
      const [{ session_id }, { access_token }] = [await world.logIn(INSIDER), await world.logIn(INSIDER)]
      return { request: () => ({ method: 'DELETE', path: `/auth/sessions/${session_id}`, token: access_token }) }
    },
    bound: oneRow,
  },
  {
    name: 'sessions and account',
    needsAccount: true,
    prepare: async (world) => {
      const { access_token } = await world.logIn(INSIDER)
      return { request: (i) => ({ method: 'GET', path: i % 2 ? '/auth/sessions' : '/auth/me', token: access_token }) }
    },
    bound: nothing,
  },
]

export async function registerAll(world: FloodContext): Promise<void> {
  await world.register(VICTIM)
  await world.register(INSIDER)
}
