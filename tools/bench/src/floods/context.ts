import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import pg from 'pg'
import { Pool } from 'undici'
import { startInspected } from '../inspector.ts'
import { startStores } from '../servers.ts'

export interface Request {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  /** URLSearchParams are sent as a form, an object as JSON. */
  body?: object | string
  token?: string
  /** Id and secret of a client, for HTTP Basic. */
  basic?: string
}

export interface Tokens {
  access_token: string
  refresh_token: string
  session_id: string
}

/** What requests leave behind. Heap and log in bytes; the log counts all lines since the start. */
export interface Footprint {
  rows: number
  keys: number
  heap: number
  log: number
}

export const PASSWORD = 'a long and quiet walk'
/** The address of honest users. */
export const HOME = '192.0.2.1'

/** A server with default limits that trusts this process as its proxy, and measurements of what it keeps. */
export async function startContext() {
  const stores = await startStores()
  const { server, inspector } = await startInspected(stores, {
    REALM_FILE: fileURLToPath(new URL('realm.yaml', import.meta.url)),
    TRUSTED_PROXIES: '127.0.0.0/8',
    // The defaults, which the other benchmarks raise.
    LOGIN_ATTEMPTS_PER_ADDRESS: '100',
    LOGIN_ATTEMPTS_PER_ACCOUNT: '10',
    LOGINS_PER_USER: '300',
    SESSIONS_PER_USER: '100',
    LOG_LEVEL: 'info',
    // So that a flood meets the late repeat, too.
    REFRESH_GRACE_SECONDS: '1',
  })
  const database = new pg.Client({ connectionString: server.superuserUrl })
  await database.connect()
  const redis = new Redis(server.env['REDIS_URL'] ?? '')
  const pool = new Pool(server.url, { connections: 8 })

  const rows = async () => {
    const { rows: found } = await database.query<{ rows: string }>(
      'SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM families) + (SELECT count(*) FROM security_events) + (SELECT count(*) FROM revocations) AS rows',
    )
    return Number(found[0]?.rows)
  }

  return {
    url: server.url,
    send: (request: Request, ip: string) => send(pool, request, ip),
    /** Waits until all pending writes are done. */
    async footprint(): Promise<Footprint> {
      let known = -1
      for (let now = await rows(); now !== known; now = await rows()) {
        known = now
        await sleep(WRITTEN_AFTER_MS)
      }
      const { heap, outside } = await inspector.memory()
      const log = server.output.reduce((sum, line) => sum + line.length + 1, 0)
      return { rows: known, keys: await redis.dbsize(), heap: heap + outside, log }
    },
    /** Resets the counters, so that those of an earlier flood do not expire in the middle of the next. Logins are counted by rows. */
    async forgetAttempts() {
      const keys = await redis.keys('heirloom:attempts:*')
      for (let i = 0; i < keys.length; i += 1_000) await redis.del(...keys.slice(i, i + 1_000))
      // Beyond a hundred of them, each login of the honest user would end one, which adds rows.
      await database.query('DELETE FROM families')
    },
    async register(username: string): Promise<void> {
      const { status } = await send(
        pool,
        { method: 'POST', path: '/auth/register', body: { username, password: PASSWORD } },
        HOME,
      )
      if (status !== 201) throw new Error(`registering ${username} was answered ${status}`)
    },
    async logIn(username: string): Promise<Tokens> {
      const { status, body } = await send(
        pool,
        { method: 'POST', path: '/auth/login', body: { username, password: PASSWORD } },
        HOME,
      )
      if (status !== 200) throw new Error(`the login of ${username} was answered ${status}`)
      return body as unknown as Tokens
    },
    async stop() {
      inspector.close()
      redis.disconnect()
      await Promise.all([pool.destroy(), database.end()])
      await server.stop()
      await stores.stop()
    },
  }
}

export type FloodContext = Awaited<ReturnType<typeof startContext>>

/** Longer than the server batches its events. */
const WRITTEN_AFTER_MS = 700

export async function send(pool: Pool, { method, path, body, token, basic }: Request, ip: string) {
  const isForm = body instanceof URLSearchParams
  const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json'
  const answer = await pool.request({
    method,
    path,
    headers: {
      'x-forwarded-for': ip,
      ...(body !== undefined && { 'content-type': type }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(basic !== undefined && { authorization: `Basic ${Buffer.from(basic).toString('base64')}` }),
    },
    ...(body !== undefined && { body: isForm || typeof body === 'string' ? String(body) : JSON.stringify(body) }),
  })
  const text = await answer.body.text()
  const isJson = String(answer.headers['content-type']).startsWith('application/json')
  return { status: answer.statusCode, body: (isJson && text ? JSON.parse(text) : {}) as Record<string, unknown> }
}
