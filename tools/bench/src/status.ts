/**
 * What the status list costs, and how soon it has a logout.
 *
 * Method, in three parts. First, lists are built in this process, with as many revoked positions at random as a quarter of an
 * hour has at the given rate: their size as a JWT, and CPU time of one build and of its signature. Second, two servers share a
 * Postgres with that many sessions and revocations. One gets logouts, evenly spaced; a client holds a request at the other.
 * Counted from the answer to each logout, the time until the client has read its bit, and CPU time of the servers, compared
 * with the same servers without logouts. Third, refreshes with STATUS_TTL_SECONDS=5 and 0: servers of one run take turns in the
 * order ABBA, and CPU time of server and Postgres is compared.
 */
import { generateKeyPairSync, sign } from 'node:crypto'
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib'
import { setTimeout as sleep } from 'node:timers/promises'
import { RevokedIndexes, entryOf, lengthOf } from '@heirloom/auth-server/internals/rules/status-list'
import { schedulerTimeUs, treeSchedulerTimeUs } from '@heirloom/harness/processes'
import { seedSessions } from '@heirloom/harness/seed-sessions'
import { AUTH_SERVER } from '@heirloom/harness/services'
import { startService } from '@heirloom/local-stack'
import pg from 'pg'
import { Pool } from 'undici'
import { progress } from './progress.ts'
import { type AuthServer, type Stores, startAuthServer, startStores } from './servers.ts'
import { USER, drive, logIn, ourRefresh } from './sessions.ts'
import { median, medianInterval, percentile } from './statistics.ts'

export interface StatusOptions {
  /** In Postgres, in the second part. */
  sessions: number
  /** For how long. */
  seconds: number
  logoutsPerSecond: number
  /** Pairs of servers in the third part. */
  rounds: number
  /** Per turn. */
  refreshes: number
  connections: number
}

/** How long a revocation is listed with the default lifetime of access tokens. */
const WINDOW_SECONDS = 970
const TURNS = Array.from({ length: 12 }, () => [0, 1, 1, 0]).flat()
const WARM_UP = 6_000

export async function benchStatus(options: StatusOptions): Promise<void> {
  sizes(options.logoutsPerSecond)
  const stores = await startStores()
  await delays(stores, options)
  await stores.stop()
  await refreshes(options)
}

function sizes(rate: number): void {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const table = [1_000_000, 10_000_000, 30_000_000].map((given) => {
    const revoked = new RevokedIndexes()
    for (let i = 0; i < rate * WINDOW_SECONDS; i++) revoked.add(Math.floor(Math.random() * given), (i * 1000) / rate)
    const lists = entryOf(given - 1).list + 1
    let [bytes, wireBytes, compressedBytes, cpuMs, inflateMs] = [0, 0, 0, 0, 0]
    for (let list = 0; list < lists; list++) {
      const build = () => {
        const compressed = deflateSync(revoked.bitsOf(list, lengthOf(list, given)), { level: 6 })
        const body = JSON.stringify({ status_list: { bits: 1, lst: compressed.toString('base64url') } })
        const input = `${'h'.repeat(100)}.${Buffer.from(body).toString('base64url')}`
        const jwt = `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
        return { compressed, jwt, gzipped: gzipSync(jwt, { level: 1 }) }
      }
      const { compressed, jwt, gzipped } = build()
      bytes += jwt.length
      wireBytes += gzipped.length
      compressedBytes += compressed.length
      cpuMs += cpuMsOf(build)
      inflateMs += cpuMsOf(() => inflateSync(compressed))
    }
    return {
      sessions: given.toLocaleString('en'),
      revoked: revoked.count().toLocaleString('en'),
      lists,
      'compressed, kB': (compressedBytes / 1000).toFixed(1),
      'JWT, kB': (bytes / 1000).toFixed(1),
      'gzipped, kB': (wireBytes / 1000).toFixed(1),
      'build, sign, gzip: ms of CPU': cpuMs.toFixed(1),
      'inflate, ms of CPU': inflateMs.toFixed(1),
    }
  })
  console.log(`Lists with the revocations of ${WINDOW_SECONDS} s, ${rate} a second:`)
  console.table(table)
}

/** The median of several runs. */
function cpuMsOf(work: () => unknown): number {
  return median(
    Array.from({ length: 25 }, () => {
      const before = process.cpuUsage()
      work()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000
    }),
  )
}

async function delays(stores: Stores, { sessions, seconds, logoutsPerSecond }: StatusOptions): Promise<void> {
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
  await sql.query('CHECKPOINT')
  const { rows } = await sql.query<{ sid: string; status_index: string }>(
    'SELECT sid, status_index FROM families WHERE sid = ANY ($1)',
    [leaving.map(({ sessionId }) => sessionId)],
  )
  const indexes = new Map(rows.map(({ sid, status_index: index }) => [sid, Number(index)]))
  return leaving.map(({ sessionId, refreshToken }) => ({ refreshToken, statusIndex: indexes.get(sessionId) ?? 0 }))
}

/** A client that holds a request for list 0, and notes when it reads a bit. */
function listReader(url: string) {
  const pool = new Pool(url, { connections: 1 })
  const ended = new Map<number, number>()
  let bits = new Uint8Array()
  let onFirst: () => void = () => undefined
  const isSet = (index: number) => (((bits[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1
  const reader = {
    lists: 0,
    bytes: 0,
    delaysMs: [] as number[],
    first: new Promise<void>((resolve) => (onFirst = resolve)),
    acknowledged(index: number) {
      if (isSet(index)) reader.delaysMs.push(0)
      else ended.set(index, performance.now())
    },
    start() {
      void reader.read().catch(() => undefined)
    },
    async read() {
      for (let etag = ''; ;) {
        const headers = { prefer: 'wait=5', 'accept-encoding': 'gzip', ...(etag && { 'if-none-match': etag }) }
        const answer = await pool.request({ method: 'GET', path: '/status/0', headers })
        const encoded = Buffer.from(await answer.body.arrayBuffer())
        if (answer.statusCode !== 200) continue
        const text = gunzipSync(encoded).toString()
        etag = String(answer.headers['etag'])
        const { status_list: list } = JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()) as {
          status_list: { lst: string }
        }
        bits = inflateSync(Buffer.from(list.lst, 'base64url'))
        reader.lists++
        reader.bytes = encoded.length
        onFirst()
        for (const [index, at] of ended) {
          if (!isSet(index)) continue
          reader.delaysMs.push(performance.now() - at)
          ended.delete(index)
        }
      }
    },
    async stop() {
      while (ended.size > 0) await sleep(50)
      // This ends the reading, too.
      await pool.destroy()
    },
  }
  return reader
}

async function refreshes({ rounds, refreshes: perTurn, connections }: StatusOptions): Promise<void> {
  const shares: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const stores = await startStores()
    const servers = await Promise.all(['5', '0'].map((ttl) => startAuthServer(stores, { STATUS_TTL_SECONDS: ttl })))
    const driven = await Promise.all(
      servers.map(async ({ url }) => ({
        name: 'Heirloom',
        pool: new Pool(url, { connections }),
        tokens: await logIn(url, connections),
        request: ourRefresh,
      })),
    )
    const usedUs = [0, 0]
    const run = async (i: 0 | 1, count: number) => {
      const [server, sessions] = [servers[i], driven[i]]
      if (!server || !sessions) throw new Error('There are two servers.')
      const used = () => schedulerTimeUs(server.pid) + treeSchedulerTimeUs(stores.postgres.pid)
      const before = used()
      await drive(sessions, count)
      usedUs[i] = (usedUs[i] ?? 0) + used() - before
    }
    for (const i of [0, 1] as const) await run(i, WARM_UP)
    usedUs.fill(0)
    for (const i of TURNS) await run(i as 0 | 1, perTurn)
    shares.push((usedUs[0] ?? 0) / (usedUs[1] ?? 1) - 1)
    console.log(`Round ${round} of ${rounds}: a refresh takes ${percent(shares.at(-1))} more with the status list.`)
    await Promise.all(driven.map(({ pool }) => pool.destroy()))
    await Promise.all(servers.map((server) => server.stop()))
    await stores.stop()
  }
  const [low, high] = medianInterval(shares)
  console.log(
    `With the status list, a refresh takes ${percent(median(shares))} more CPU (95 % interval ${percent(low)} to ${percent(high)}).`,
  )
}

const percent = (share = Number.NaN) => `${(100 * share).toFixed(1)} %`
