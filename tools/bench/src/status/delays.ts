import { setTimeout as sleep } from 'node:timers/promises'
import { schedulerTimeUs, treeSchedulerTimeUs } from '@heirloom/harness/processes'
import { seedSessions } from '@heirloom/harness/seed-sessions'
import { AUTH_SERVER } from '@heirloom/harness/services'
import { startService } from '@heirloom/local-stack'
import pg from 'pg'
import { Pool } from 'undici'
import { progress } from '../progress.ts'
import { type AuthServer, type Stores, startAuthServer } from '../servers.ts'
import { USER, logIn } from '../sessions.ts'
import { median, percentile } from '../statistics.ts'
import type { StatusOptions } from '../status.ts'
import { hotUpdates } from './hot-updates.ts'
import { listReader } from './list-reader.ts'
import { WINDOW_SECONDS } from './sizes.ts'

/** Prints how soon a client that waits at one server has what was logged out at another, and what that costs both. */
export async function delays(stores: Stores, { sessions, seconds, logoutsPerSecond }: StatusOptions): Promise<void> {
  // It makes the database, and is started again once the sessions are there.
  const first = await startAuthServer(stores)
  const sql = new pg.Client({ connectionString: first.superuserUrl })
  await sql.connect()
  const target = { databaseUrl: first.databaseUrl, tokenSecret: first.env['TOKEN_SECRETS'] ?? '' }
  const leaving = await seed(first, sql, target, { sessions, seconds, logoutsPerSecond })
  await first.stop()
  const start = async () => {
    const service = await startService({ script: AUTH_SERVER, env: first.env })
    await service.ready()
    return service
  }
  const [server, other] = [await start(), await start()]
  const pool = new Pool(server.url, { connections: 8 })
  const reader = listReader(other.url)
  const cpu = () => ({
    server: schedulerTimeUs(server.pid),
    other: schedulerTimeUs(other.pid),
    postgres: treeSchedulerTimeUs(stores.postgres.pid),
    redis: schedulerTimeUs(stores.redis.pid),
  })
  const cpuWhile = async (work: Promise<unknown>) => {
    const [before, began] = [cpu(), performance.now()]
    await work
    const ms = performance.now() - began
    const after = cpu()
    return Object.fromEntries(
      Object.entries(after).map(([name, us]) => [name, `${((us - before[name as 'server']) / ms / 10).toFixed(2)} %`]),
    )
  }

  progress('Nobody asks for a list')
  await sleep(2_000)
  const idle = await cpuWhile(sleep(seconds * 500))
  reader.start()
  await reader.first
  progress('One client waits')
  const waiting = await cpuWhile(sleep(seconds * 500))
  const signedBefore = reader.lists
  progress('Logouts')
  const logOuts = async () => {
    const began = performance.now()
    await Promise.all(
      leaving.map(async ({ refreshToken, statusIndex }, i) => {
        await sleep(Math.max(0, began + (i * 1000) / logoutsPerSecond - performance.now()))
        const headers = { 'content-type': 'application/json' }
        const body = JSON.stringify({ refresh_token: refreshToken })
        const answer = await pool.request({ method: 'POST', path: '/auth/logout', headers, body })
        await answer.body.dump()
        if (answer.statusCode !== 204) throw new Error(`a logout answered ${answer.statusCode}`)
        reader.acknowledged(statusIndex)
      }),
    )
  }
  const busy = await cpuWhile(logOuts())
  const signed = reader.lists - signedBefore
  await reader.stop()
  progress('')
  console.log(
    `${sessions.toLocaleString('en')} sessions; ${leaving.length} logouts, ${logoutsPerSecond} a second. CPU, of a core:`,
  )
  console.table({ 'nobody asks': idle, 'a client waits': waiting, 'and there are logouts': busy })
  const { delaysMs } = reader
  console.log(
    `From the answer of one server to the bit at a client that waits at the other: median ${median(delaysMs).toFixed(0)} ms, ` +
      `99 % ${percentile(delaysMs, 0.99).toFixed(0)} ms, most ${Math.max(...delaysMs).toFixed(0)} ms (${delaysMs.length} logouts). ` +
      `${(signed / seconds).toFixed(2)} lists signed a second, ${(reader.bytes / 1000).toFixed(1)} kB each.`,
  )
  console.log(`Logouts: ${await hotUpdates(first.superuserUrl)}`)
  await sql.end()
  await pool.destroy()
  await Promise.all([server.stop(), other.stop()])
}

/** Answers the sessions that will be ended. */
async function seed(
  server: AuthServer,
  sql: pg.Client,
  target: Parameters<typeof seedSessions>[0],
  { sessions, seconds, logoutsPerSecond }: Pick<StatusOptions, 'sessions' | 'seconds' | 'logoutsPerSecond'>,
) {
  await logIn(server.url, 1)
  progress(`Inserting ${sessions.toLocaleString('en')} sessions`)
  const leaving = await seedSessions(
    target,
    Array.from({ length: seconds * logoutsPerSecond }, () => USER.username),
  )
  await sql.query(
    `INSERT INTO families (id, sid, user_id, client_id, scope, created_at, expires_at, redeemed_at)
     SELECT uuid_send(gen_random_uuid()), gen_random_uuid(), users.id, 'web', 'reports:read', now(), now() + interval '30 days', now()
     FROM users, generate_series(1, $1::int)`,
    [sessions],
  )
  // The trigger lists them as one. Many logouts are spread over the time in which they count.
  const revoked = logoutsPerSecond * WINDOW_SECONDS
  await sql.query(
    `UPDATE families SET revoked_at = now(), revoked_reason = 'logout'
     WHERE id IN (SELECT id FROM families WHERE device IS NULL ORDER BY sid LIMIT $1)`,
    [revoked],
  )
  await sql.query('TRUNCATE revocations')
  await sql.query(
    `INSERT INTO revocations (at, status_indexes)
     SELECT now() - random() * $1 * interval '1 second', ARRAY[status_index] FROM families WHERE revoked_at IS NOT NULL`,
    [WINDOW_SECONDS],
  )
  await sql.query('VACUUM ANALYZE families')
  await sql.query('SELECT pg_stat_reset()')
  await sql.query('CHECKPOINT')
  const { rows } = await sql.query<{ sid: string; status_index: string }>(
    'SELECT sid, status_index FROM families WHERE sid = ANY ($1)',
    [leaving.map(({ sessionId }) => sessionId)],
  )
  const indexes = new Map(rows.map(({ sid, status_index: index }) => [sid, Number(index)]))
  return leaving.map(({ sessionId, refreshToken }) => ({ refreshToken, statusIndex: indexes.get(sessionId) ?? 0 }))
}
