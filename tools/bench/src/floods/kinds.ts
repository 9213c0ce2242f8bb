import { randomBytes, randomUUID } from 'node:crypto'
import { PASSWORD, type Request, type Tokens, type FloodContext } from './context.ts'

/** What a flood may leave: rows in Postgres, keys in Redis. */
interface Bound {
  rows: number
  keys: number
}

export interface Kind {
  name: string
  needsAccount?: true
  /** Returns the requests by number, and a listener for their answers. */
  prepare: (
    context: FloodContext,
  ) => Promise<{ request: (i: number) => Request; heard?: (body: Partial<Tokens>) => void }>
  bound: (addresses: number) => Bound
}

/** The account of the honest user. */
export const VICTIM = 'honest'
const INSIDER = 'insider'
/** LOGIN_ATTEMPTS_PER_ADDRESS and LOGIN_ATTEMPTS_PER_ACCOUNT. */
export const PER_ADDRESS = 100
/** LOGINS_PER_USER: successful logins of one user in a window. */
const LOGINS = 300
const PER_ACCOUNT = 10
/** One row per day, and a run may pass midnight. */
export const A_DAY = 2

export const nothing = () => ({ rows: 0, keys: 0 })
export const oneRow = () => ({ rows: A_DAY, keys: 0 })
export const post = (path: string, body: object | string): Request => ({ method: 'POST', path, body })
export const always = (request: Request) => async () => ({ request: () => request })
export const token = (bytes: number) => `hrt_${randomBytes(bytes).toString('base64url')}`

/** A flood of one request that is made with the tokens of a session of the insider. */
export const withSession =
  (work: (tokens: Tokens, context: FloodContext) => Request | Promise<Request>): Kind['prepare'] =>
  async (context) => {
    const request = await work(await context.logIn(INSIDER), context)
    return { request: () => request }
  }

const dead = (path: string): Kind['prepare'] =>
  withSession(async ({ refresh_token }, context) => {
    await context.send(post('/auth/logout', { refresh_token }), INSIDER_IP)
    return post(path, { refresh_token })
  })

export const INSIDER_IP = '192.0.2.50'

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
    prepare: withSession(async ({ refresh_token }, context) => {
      const second = await context.send(post('/auth/refresh', { refresh_token }), INSIDER_IP)
      await context.send(post('/auth/refresh', { refresh_token: second.body['refresh_token'] }), INSIDER_IP)
      return post('/auth/refresh', { refresh_token })
    }),
    // `reuse`, `revoked`, `refresh_refused`, and an entry for the status lists
    bound: () => ({ rows: 3 * A_DAY + 1, keys: 0 }),
  },
  {
    name: 'refresh, the newest token',
    needsAccount: true,
    prepare: async (context) => {
      let { refresh_token: newest } = await context.logIn(INSIDER)
      return {
        request: () => post('/auth/refresh', { refresh_token: newest }),
        heard: ({ refresh_token: next = newest }) => void (newest = next),
      }
    },
    // Answers overtake each other, so it ends like an old token.
    bound: () => ({ rows: 3 * A_DAY + 1, keys: 0 }),
  },
  {
    name: 'login, right password',
    needsAccount: true,
    prepare: always(post('/auth/login', { username: INSIDER, password: PASSWORD })),
    // Per login a session and an event, and for the session that it ends an event and an entry for the status lists. Keys for
    // the user's known networks.
    bound: () => ({ rows: LOGINS * 4, keys: LOGINS + 200 }),
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
    // An event per change, and the end of the sessions from earlier floods.
    bound: (addresses) => ({ rows: PER_ACCOUNT + LOGINS, keys: addresses + 1 }),
  },
  {
    name: 'ending an unknown session',
    needsAccount: true,
    prepare: async (context) => {
      const { access_token } = await context.logIn(INSIDER)
      return { request: () => ({ method: 'DELETE', path: `/auth/sessions/${randomUUID()}`, token: access_token }) }
    },
    bound: nothing,
  },
  {
    name: 'ending an ended session',
    needsAccount: true,
    prepare: async (context) => {
      const [{ session_id }, { access_token }] = [await context.logIn(INSIDER), await context.logIn(INSIDER)]
      return { request: () => ({ method: 'DELETE', path: `/auth/sessions/${session_id}`, token: access_token }) }
    },
    bound: oneRow,
  },
  {
    name: 'sessions and account',
    needsAccount: true,
    prepare: async (context) => {
      const { access_token } = await context.logIn(INSIDER)
      return { request: (i) => ({ method: 'GET', path: i % 2 ? '/auth/sessions' : '/auth/me', token: access_token }) }
    },
    bound: nothing,
  },
]

export async function registerAll(context: FloodContext): Promise<void> {
  await context.register(VICTIM)
  await context.register(INSIDER)
}
