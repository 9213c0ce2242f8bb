import { globSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestCluster } from '../test-cluster.ts'
import type { Fault } from './fault.ts'

const [LIBRARY] = globSync('/usr/lib/{*/,}faketime/libfaketime.so.1')
/** A process looks so often whether its clock was moved. Seconds. */
const LOOKS_EVERY = 1
const SEEN_WITHIN_MS = 5_000
const NEARLY_SECONDS = 5
const AHEAD_SECONDS = 90
const BACK_SECONDS = -3600

interface Restartable {
  name: string
  stop: (house: TestCluster) => Promise<void>
  start: (house: TestCluster, env?: NodeJS.ProcessEnv) => Promise<void>
  /** Seconds since 1970. */
  now: (house: TestCluster) => Promise<number>
}

const REDIS: Restartable = {
  name: 'Redis',
  stop: ({ redis }) => redis.stop(),
  start: (house, env) => house.restartRedis(env),
  now: (house) => house.tellRedis(async (redis) => Number((await redis.time())[0])),
}
const POSTGRES: Restartable = {
  name: 'Postgres',
  stop: ({ postgres }) => postgres.stop(),
  start: (house, env) => house.restartPostgres(env),
  async now(house) {
    const [row] = await house.askPostgres<{ now: string }>('SELECT extract(epoch FROM clock_timestamp()) AS now')
    return Number(row?.now)
  },
}

/** The clock of the day alone: how long something took is told by another one, which nobody sets. */
function clockMoved(what: string, { name, stop, start, now }: Restartable, seconds: number): Fault {
  const restart = async (house: TestCluster, env?: NodeJS.ProcessEnv) => {
    await stop(house)
    await start(house, env)
  }
  const setClock = async (house: TestCluster, offset: number) => {
    writeOffset(house, offset)
    for (const began = performance.now(); ; await sleep(50)) {
      if (Math.abs((await now(house)) - Date.now() / 1_000 - offset) < NEARLY_SECONDS) return
      if (performance.now() - began > SEEN_WITHIN_MS) throw new Error(`the clock of ${name} did not move`)
    }
  }
  return {
    name: `the clock of ${name} ${what}`,
    obstacle: () => (LIBRARY ? null : "not tried: it takes libfaketime, of Debian's package faketime"),
    async prepare({ house }) {
      writeOffset(house, 0)
      await restart(house, {
        // jemalloc asks for the time before the library is ready to say it; then memory comes from libc.
        LD_PRELOAD: `${LIBRARY} libc.so.6`,
        FAKETIME_TIMESTAMP_FILE: fileOf(house),
        FAKETIME_CACHE_DURATION: String(LOOKS_EVERY),
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      })
    },
    inject: ({ house }) => setClock(house, seconds),
    heal: ({ house }) => setClock(house, 0),
    tidy: ({ house }) => restart(house),
  }
}

const fileOf = (house: TestCluster) => join(house.folder, 'clock')

/** Renamed, so that nobody reads half of it. */
function writeOffset(house: TestCluster, seconds: number): void {
  const file = fileOf(house)
  writeFileSync(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}`)
  renameSync(`${file}.new`, file)
}

export const STORE_CLOCK_FAULTS: Fault[] = [REDIS, POSTGRES].flatMap((store) => [
  clockMoved(`${AHEAD_SECONDS} s ahead`, store, AHEAD_SECONDS),
  clockMoved('back an hour', store, BACK_SECONDS),
])
