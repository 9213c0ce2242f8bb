/**
 * One row per refresh compared with one row per session: space and speed as refreshes add up.
 *
 * Method: three stores run one after the other, each on its own new Postgres (and Redis): a table of refresh tokens as most
 * servers keep it (see token-stores.ts), our stores, and our Postgres store alone. The last one gets a tenth of the refreshes, as
 * its size does not change. A refresh here is the work of stores and tokens: find, decide, update, issue. HTTP and signature
 * are left out, as they are equal for all.
 *
 * The sessions take turns, with 16 refreshes in flight. Speed is refreshes per second of CPU time of this process, Postgres and
 * Redis together, from /proc, in twenty windows. It does not depend on the number of cores or on other programs. Commits do not
 * wait for the disk (`synchronous_commit = off`), as disks are not compared. This favours one row per refresh most.
 */
import { writeFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import pg from 'pg'
import { integer } from '@heirloom/harness/numbers'
import { type Chart, picture as drawn } from '@heirloom/harness/chart'
import { cpuTimeMs, treeCpuTimeMs } from '@heirloom/harness/processes'
import { inTurns } from './in-turns.ts'
import { progress } from './progress.ts'
import { type Stores, startStores } from './servers.ts'
import { median } from './statistics.ts'
import { type TokenStore, rowPerRefresh, rowPerSession } from './token-stores.ts'

export interface StorageOptions {
  sessions: number
  /** Per session. */
  refreshes: number
  only?: string
  picture?: string
}

const WINDOWS = 20

interface Contender {
  key: string
  name: string
  inRedis: boolean
  /** The share of the requested refreshes. */
  share: number
  open: (stores: Stores) => Promise<TokenStore>
}

const CONTENDERS: Contender[] = [
  { key: 'row-per-refresh', name: 'One row per refresh', inRedis: false, share: 1, open: rowPerRefresh },
  { key: 'heirloom', name: 'Heirloom', inRedis: true, share: 1, open: (it) => rowPerSession(it, it.redis.url) },
  { key: 'postgres', name: 'Heirloom, Postgres alone', inRedis: false, share: 0.1, open: (it) => rowPerSession(it) },
]

interface Measured {
  name: string
  total: number
  /** At the start and at the end of each window. */
  bytes: number[]
  /** Per window. */
  perCpuSecond: number[]
  rows: number
  perCpuSecondAtEnd: number
  row: Record<string, number | string>
}

export async function benchStorage({ sessions, refreshes, only, picture }: StorageOptions): Promise<void> {
  const contenders = CONTENDERS.filter(({ key }) => only === undefined || only === key)
  if (contenders.length === 0) throw new Error(`--only is one of ${CONTENDERS.map(({ key }) => key).join(', ')}`)
  const measured: Measured[] = []
  for (const contender of contenders) measured.push(await measure(contender, sessions, refreshes))
  const lines = Object.keys(measured[0]?.row ?? {})
  console.table(
    Object.fromEntries(
      lines.map((line) => [line, Object.fromEntries(measured.map(({ name, row }) => [name, row[line]]))]),
    ),
  )
  if (picture === undefined) return
  // Ours comes first and gets our colour.
  const whole = measured.filter(({ total }) => total === sessions * refreshes).toReversed()
  writeFileSync(picture, draw(whole, sessions))
  console.log(`Chart written to ${picture}`)
}

async function measure({ name, inRedis, share, open }: Contender, sessions: number, asked: number): Promise<Measured> {
  const rounds = Math.ceil((asked * share) / WINDOWS)
  const size = sessions * rounds
  const total = size * WINDOWS
  const stores = await startStores({ synchronous_commit: 'off' })
  const redis = new Redis(stores.redis.url)
  const emptyRedis = await usedMemory(redis)
  const store = await open(stores)
  const sql = new pg.Client({ connectionString: store.superuserUrl })
  await sql.connect()
  const ask = async (select: string) => Number((await sql.query<{ n: string }>(`SELECT ${select} AS n`)).rows[0]?.n)
  const sizeOf = () => ask(`pg_total_relation_size('${store.table}')`)

  await inTurns(sessions, 1, (session) => store.open(session))
  const redisSize = async () => (inRedis ? (await usedMemory(redis)) - emptyRedis : 0)
  const [atStart, walAtStart] = [await sizeOf(), await ask(WAL_BYTES)]
  const bytes = [atStart + (await redisSize())]
  const perCpuSecond: number[] = []
  for (let window = 0; window < WINDOWS; window++) {
    const before = cpuMs(stores)
    await inTurns(sessions, rounds, (session) => store.refresh(session))
    perCpuSecond.push(size / ((cpuMs(stores) - before) / 1000))
    bytes.push((await sizeOf()) + (await redisSize()))
    progress(`${name}: ${((window + 1) * size).toLocaleString('en')} of ${total.toLocaleString('en')} refreshes`)
  }
  progress('')
  const redisBytes = await redisSize()
  await store.close()

  const { rows } = await sql.query<{ rows: string; dead: string; updates: string; hot: string; vacuums: string }>(
    `SELECT (SELECT count(*) FROM ${store.table}) AS rows, n_dead_tup AS dead, n_tup_upd AS updates, n_tup_hot_upd AS hot,
            autovacuum_count AS vacuums FROM pg_stat_user_tables WHERE relname = '${store.table}'`,
  )
  const [found] = rows
  if (!found) throw new Error(`There are no statistics of ${store.table}.`)
  const perCpuSecondAtEnd = median(perCpuSecond.slice(-3))
  const row = {
    sessions,
    refreshes: total,
    rows: Number(found.rows),
    'dead rows': Number(found.dead),
    'MB table and indexes, at the start': megabytes(atStart),
    'MB table and indexes, at the end': megabytes(await sizeOf()),
    'MB of that, indexes': megabytes(await ask(`pg_indexes_size('${store.table}')`)),
    'MB Redis, at the end': inRedis ? megabytes(redisBytes) : 'none',
    'MB in total, at the end': megabytes(bytes.at(-1) ?? 0),
    'heap-only updates': `${((100 * Number(found.hot)) / Number(found.updates)).toFixed(1)} %`,
    'rows updated': Number(found.updates),
    vacuums: Number(found.vacuums),
    'WAL bytes per refresh': Math.round(((await ask(WAL_BYTES)) - walAtStart) / total),
    // The first window is the warm-up.
    'refreshes per CPU second, windows 2 to 4': Math.round(median(perCpuSecond.slice(1, 4))),
    'refreshes per CPU second, windows 18 to 20': Math.round(perCpuSecondAtEnd),
  }
  await sql.end()
  redis.disconnect()
  await stores.stop()
  return { name, total, bytes, perCpuSecond, rows: row.rows, perCpuSecondAtEnd, row }
}

const WAL_BYTES = `pg_current_wal_insert_lsn() - '0/0'`

/** CPU time of this process and both stores. */
function cpuMs({ postgres, redis }: Stores): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000 + treeCpuTimeMs(postgres.pid) + cpuTimeMs(redis.pid)
}

export async function usedMemory(redis: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1])
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)

function draw(measured: readonly Measured[], sessions: number): string {
  const panel = (
    title: string,
    unit: string,
    valuesOf: (one: Measured) => number[],
    end: (one: Measured) => string,
  ): Chart => ({
    title,
    width: 460,
    x: { label: 'thousands of refreshes', scale: 'linear', format: integer },
    y: { label: unit, scale: 'linear', format: integer },
    series: measured.map((one) => {
      const values = valuesOf(one)
      const first = WINDOWS + 1 - values.length
      return {
        name: `${one.name}: ${end(one)} at the end`,
        style: 'line',
        points: values.map((value, i): [number, number] => [((first + i) * one.total) / WINDOWS / 1000, value]),
      }
    }),
  })
  return drawn(
    panel(
      `Stored for ${integer(sessions)} sessions`,
      'MB, Postgres and Redis',
      ({ bytes }) => bytes.map((one) => one / 1e6),
      ({ rows, bytes }) => `${integer(rows)} rows, ${megabytes(bytes.at(-1) ?? 0)} MB`,
    ),
    panel(
      'Speed of tokens and stores',
      'refreshes per CPU second',
      ({ perCpuSecond }) => perCpuSecond,
      (one) => integer(one.perCpuSecondAtEnd),
    ),
  )
}
