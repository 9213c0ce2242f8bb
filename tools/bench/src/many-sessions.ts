/**
 * What a user with far too many sessions costs: to list them, to end them all, to change the password and to disable the
 * account. Also, what a refresh of another user takes meanwhile.
 *
 * Method: one server and its stores. Before each operation the sessions are inserted by SQL, as if they were older than the
 * limit. The other user refreshes all the time, one request after the other: alone for a while, then during the operation.
 * Medians are compared. CPU time is that of the server and both stores, from /proc: on a shared machine it says more than
 * wall time. Admin commands run in their own process, and their start is part of the time.
 */
import { cpuTimeMs, treeCpuTimeMs } from '@heirloom/harness/processes'
import { seedSessions } from '@heirloom/harness/seed-sessions'
import { runAdmin } from '@heirloom/harness/services'
import pg from 'pg'
import { Pool } from 'undici'
import { progress } from './progress.ts'
import { startAuthServer, startStores } from './servers.ts'
import { median, percentile } from './statistics.ts'

const PASSWORD = 'a long and quiet walk'
const ALONE_MS = 2_000

export async function benchManySessions({ sessions }: { sessions: number }): Promise<void> {
  const stores = await startStores()
  const server = await startAuthServer(stores)
  const target = { databaseUrl: server.databaseUrl, tokenSecret: server.env['TOKEN_SECRETS'] ?? '' }
  const pool = new Pool(server.url, { connections: 4 })
  const sql = new pg.Client({ connectionString: server.superuserUrl })
  await sql.connect()

  const call = async (method: 'GET' | 'POST', url: string, body?: object, token?: string) => {
    const headers = {
      ...(body && { 'content-type': 'application/json' }),
      ...(token && { authorization: `Bearer ${token}` }),
    }
    const answer = await pool.request({ method, path: url, headers, body: body ? JSON.stringify(body) : null })
    const text = await answer.body.text()
    if (answer.statusCode >= 300) throw new Error(`${method} ${url} answered ${answer.statusCode} ${text}`)
    return (text === '' ? {} : JSON.parse(text)) as { access_token: string; refresh_token: string }
  }
  const logIn = (username: string) => call('POST', '/auth/login', { username, password: PASSWORD })
  const admin = (...args: string[]) => runAdmin(server.env, ...args)

  /** A new user with the seeded sessions and one more, which makes the calls. */
  let users = 0
  const crowded = async () => {
    const username = `crowded-${++users}`
    await call('POST', '/auth/register', { username, password: PASSWORD })
    const { access_token: token } = await logIn(username)
    progress(`Inserting ${sessions.toLocaleString('en')} sessions of ${username}`)
    await seedSessions(
      target,
      Array.from({ length: sessions }, () => username),
    )
    await sql.query('VACUUM ANALYZE families')
    await sql.query('CHECKPOINT')
    return { username, token }
  }
  const left = async (username: string) => {
    const { rows } = await sql.query<{ n: string }>(
      'SELECT count(*) AS n FROM families JOIN users u ON u.id = user_id WHERE revoked_at IS NULL AND u.username = $1',
      [username],
    )
    return Number(rows[0]?.n)
  }

  await call('POST', '/auth/register', { username: 'other', password: PASSWORD })
  const cpuMs = () => cpuTimeMs(server.pid) + treeCpuTimeMs(stores.postgres.pid) + cpuTimeMs(stores.redis.pid)
  let { refresh_token: newest } = await logIn('other')
  /** Milliseconds per refresh of the other user until `over` settles. */
  const refreshUntil = async (over: Promise<unknown>) => {
    const latencies: number[] = []
    const state = { isOver: false }
    void over.catch(() => undefined).finally(() => (state.isOver = true))
    while (!state.isOver) {
      const began = performance.now()
      ;({ refresh_token: newest } = await call('POST', '/auth/refresh', { refresh_token: newest }))
      latencies.push(performance.now() - began)
    }
    return latencies
  }

  const operations: Record<string, (user: { username: string; token: string }) => Promise<unknown>> = {
    'a page of the list': ({ token }) => call('GET', '/auth/sessions', undefined, token),
    'logout of all': ({ token }) => call('POST', '/auth/logout/all', undefined, token),
    'password change': ({ token }) =>
      call(
        'POST',
        '/auth/password',
        { current_password: PASSWORD, new_password: 'another long and quiet walk' },
        token,
      ),
    'admin user disable': ({ username }) => admin('user', 'disable', username),
    'admin session list': ({ username }) => admin('session', 'list', username),
  }
  const table: Record<string, Record<string, number | string>> = {}
  for (const [name, run] of Object.entries(operations)) {
    const user = await crowded()
    progress(name)
    const alone = await refreshUntil(new Promise((resolve) => setTimeout(resolve, ALONE_MS)))
    const [began, cpuBefore] = [performance.now(), cpuMs()]
    let [seconds, cpuSeconds] = [Number.NaN, Number.NaN]
    const operation = (async () => {
      await run(user)
      seconds = (performance.now() - began) / 1000
      cpuSeconds = (cpuMs() - cpuBefore) / 1000
    })()
    const [beside] = await Promise.all([refreshUntil(operation), operation])
    table[name] = {
      seconds: seconds.toFixed(2),
      'CPU seconds': cpuSeconds.toFixed(2),
      'not revoked after': await left(user.username),
      'refresh alone, ms': median(alone).toFixed(2),
      'refresh meanwhile, ms': median(beside).toFixed(2),
      ratio: (median(beside) / median(alone)).toFixed(2),
      'p99 alone': percentile(alone, 0.99).toFixed(1),
      'p99 meanwhile': percentile(beside, 0.99).toFixed(1),
    }
  }
  progress('')
  console.log(`One user with ${sessions.toLocaleString('en')} sessions, and refreshes of another user meanwhile:`)
  console.table(table)

  await sql.end()
  await pool.destroy()
  await server.stop()
  await stores.stop()
}
