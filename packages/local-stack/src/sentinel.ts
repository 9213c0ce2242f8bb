import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { startChild } from './child.ts'
import { stopOrphan } from './orphan.ts'
import { findRedis, isUp, startRedis } from './redis.ts'
import { freePort, HOST, keptPassword, untilReady, type Store } from './store.ts'

interface SentinelOptions {
  /** Holds a folder per process, and their common password. */
  dataDir: string
  /** After this time without an answer, and about one more second, the master is failed over. */
  downAfterMs?: number
}

export interface Sentinel {
  /** In the form of `REDIS_URL`, with the passwords and every sentinel. */
  readonly url: string
  /** At first the master, then its replica. Tests may kill either. */
  readonly nodes: readonly Store[]
  readonly sentinels: readonly Store[]
  /** Starts a node that has exited, on its port and its data. The sentinels make it a replica. */
  restart(index: number): Promise<void>
  stop(): Promise<void>
}

const NAME = 'heirloom'
const SENTINELS = 3
const READY_WITHIN_MS = 30_000

/** Starts a real master, a replica and three sentinels. Throws, with one line, if one does not start. */
export async function startSentinel({ dataDir, downAfterMs = 1_000 }: SentinelOptions): Promise<Sentinel> {
  const folder = resolve(dataDir)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const password = keptPassword(join(folder, 'password'))
  const startNode = async (index: number, port?: number, settings: Record<string, string> = {}) => {
    const store = await startRedis({
      dataDir: join(folder, `node-${index}`),
      password,
      ...(port !== undefined && { port }),
      settings: { masterauth: password, 'repl-diskless-sync-delay': '0', ...settings },
    })
    if (!store) throw new Error('Redis Sentinel needs redis-server or valkey-server on the PATH')
    return store
  }
  const master = await startNode(0)
  const nodes = [master, await startNode(1, undefined, { replicaof: `${HOST} ${master.port}` })]
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, (_, index) =>
      startProcess(join(folder, `sentinel-${index}`), password, master.port, downAfterMs),
    ),
  )
  const stop = async () => void (await Promise.all([...sentinels, ...nodes].map((one) => one.stop())))
  try {
    await Promise.all(sentinels.map(knowsAll))
  } catch (error) {
    await stop()
    throw error
  }
  const hosts = sentinels.map(({ port }) => `${HOST}:${port}`).join(',')
  return {
    url: `redis-sentinel://:${password}@${hosts}/${NAME}?sentinel_password=${password}`,
    nodes,
    sentinels,
    stop,
    async restart(index) {
      nodes[index] = await startNode(index, nodes[index]?.port)
    },
  }
}

async function startProcess(folder: string, password: string, masterPort: number, downAfterMs: number): Promise<Store> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const [logFile, pidFile, configFile] = [join(folder, 'log'), join(folder, 'pid'), join(folder, 'sentinel.conf')]
  await stopOrphan('Sentinel', pidFile, folder, 'SIGTERM')
  const port = await freePort()
  // A sentinel writes its state into this file.
  const config = [
    `port ${port}`,
    `bind ${HOST}`,
    `dir "${folder}"`,
    `pidfile "${pidFile}"`,
    `requirepass ${password}`,
    `sentinel sentinel-pass ${password}`,
    `sentinel monitor ${NAME} ${HOST} ${masterPort} 2`,
    `sentinel auth-pass ${NAME} ${password}`,
    `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
    `sentinel failover-timeout ${NAME} 5000`,
  ]
  writeFileSync(configFile, `${config.join('\n')}\n`, { mode: 0o600 })
  const log = openSync(logFile, 'w')
  const { child } = await startChild({
    command: findRedis() ?? '',
    args: [configFile, '--sentinel'],
    stdio: ['ignore', log, log],
    stopSignal: 'SIGTERM',
  })
  closeSync(log)
  const url = `redis://:${password}@${HOST}:${port}`
  await untilReady({ name: 'Sentinel', child, logFile, probe: () => isUp(url) })
  return { ...child, url, port }
}

/** Waits until a sentinel has discovered the replica and the other sentinels through the master. */
async function knowsAll({ url }: Store): Promise<void> {
  const client = new Redis(url)
  const deadline = Date.now() + READY_WITHIN_MS
  try {
    for (;;) {
      const info = await client.info('sentinel')
      if (info.includes(`slaves=1,sentinels=${SENTINELS}`)) return
      if (Date.now() > deadline) throw new Error(`a sentinel does not know the others: ${info}`)
      await sleep(20)
    }
  } finally {
    client.disconnect()
  }
}
