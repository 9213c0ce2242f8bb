import { globSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestCluster } from '../test-cluster.ts'
import type { Fault } from './fault.ts'

const [LIBRARY] = globSync('/usr/lib/{*/,}faketime/libfaketime.so.1')
/** How often libfaketime reads the offset, in seconds. */
const READS_EVERY = 1
const SEEN_WITHIN_MS = 5_000
const NEARLY_SECONDS = 5
const AHEAD_SECONDS = 90
const BACK_SECONDS = -3600

interface Restartable {
  name: string
  stop: (cluster: TestCluster) => Promise<void>
  start: (cluster: TestCluster, env?: NodeJS.ProcessEnv) => Promise<void>
  /** Seconds since 1970. */
  now: (cluster: TestCluster) => Promise<number>
}

const REDIS: Restartable = {
  name: 'Redis',
  stop: ({ redis }) => redis.stop(),
  start: (cluster, env) => cluster.restartRedis(env),
  now: (cluster) => cluster.withRedis(async (redis) => Number((await redis.time())[0])),
}
const POSTGRES: Restartable = {
  name: 'Postgres',
  stop: ({ postgres }) => postgres.stop(),
  start: (cluster, env) => cluster.restartPostgres(env),
  async now(cluster) {
    const [row] = await cluster.query<{ now: string }>('SELECT extract(epoch FROM clock_timestamp()) AS now')
    return Number(row?.now)
  },
}

/** Moves the wall clock of a store. Its monotonic clock stays as it is. */
function clockMoved(what: string, { name, stop, start, now }: Restartable, seconds: number): Fault {
  const restart = async (cluster: TestCluster, env?: NodeJS.ProcessEnv) => {
    await stop(cluster)
    await start(cluster, env)
  }
  const setClock = async (cluster: TestCluster, offset: number) => {
    writeOffset(cluster, offset)
    for (const began = performance.now(); ; await sleep(50)) {
      if (Math.abs((await now(cluster)) - Date.now() / 1_000 - offset) < NEARLY_SECONDS) return
      if (performance.now() - began > SEEN_WITHIN_MS) throw new Error(`the clock of ${name} did not move`)
    }
  }
  return {
    name: `the clock of ${name} ${what}`,
    obstacle: () => (LIBRARY ? null : "not tried, as libfaketime is missing (Debian's package faketime)"),
    async prepare({ cluster }) {
      writeOffset(cluster, 0)
      await restart(cluster, {
        // jemalloc reads the clock before libfaketime is ready, so memory comes from libc instead.
        LD_PRELOAD: `${LIBRARY} libc.so.6`,
        FAKETIME_TIMESTAMP_FILE: fileOf(cluster),
        FAKETIME_CACHE_DURATION: String(READS_EVERY),
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      })
    },
    inject: ({ cluster }) => setClock(cluster, seconds),
    heal: ({ cluster }) => setClock(cluster, 0),
    tidy: ({ cluster }) => restart(cluster),
  }
}

const fileOf = (cluster: TestCluster) => join(cluster.folder, 'clock')

/** Writes and renames, so that no process reads half a file. */
function writeOffset(cluster: TestCluster, seconds: number): void {
  const file = fileOf(cluster)
  writeFileSync(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}`)
  renameSync(`${file}.new`, file)
}

export const STORE_CLOCK_FAULTS: Fault[] = [REDIS, POSTGRES].flatMap((store) => [
  clockMoved(`${AHEAD_SECONDS} s ahead`, store, AHEAD_SECONDS),
  clockMoved('back an hour', store, BACK_SECONDS),
])
