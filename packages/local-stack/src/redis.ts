import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { startChild } from './child.ts'
import { findProgram } from './find-program.ts'
import { stopOrphan } from './orphan.ts'
import { freePort, HOST, keptPassword, openFolder, untilReady, type Store } from './store.ts'
import { storeUser, withEnv } from './store-user.ts'

interface RedisOptions {
  /** Holds the data, the password and the log. It is created if missing. Nothing else may use it. */
  dataDir: string
  port?: number
  /** More settings, as in redis.conf. */
  settings?: Record<string, string>
  /** Added to this process' environment. Other users can read it in the list of processes. */
  env?: NodeJS.ProcessEnv
  /** Default: a password that is created for the folder. */
  password?: string
}

/** Starts Redis. Returns null if none is installed. Throws, with one line, if it does not start. */
export async function startRedis(options: RedisOptions): Promise<Store | null> {
  const { dataDir, port, settings = {}, env = {} } = options
  const program = findRedis()
  if (program === null) return null

  const folder = openFolder(dataDir)
  const logFile = join(folder, 'log')
  const pidFile = join(folder, 'pid')
  const password = options.password ?? keptPassword(join(folder, 'password'))
  await stopOrphan('Redis', pidFile, folder, 'SIGTERM')

  const chosenPort = port ?? (await freePort())
  const config = {
    port: String(chosenPort),
    bind: HOST,
    requirepass: password,
    dir: `"${folder}"`,
    pidfile: `"${pidFile}"`,
    save: '""',
    appendonly: 'yes',
    ...settings,
  }
  const log = openSync(logFile, 'w')
  // The settings go in by stdin, as every user of the machine can read a command line.
  const asItIs = (command: string, args: string[]) => ({ command, args })
  const { child, process } = await startChild({
    ...(storeUser(folder, program) ?? asItIs)(...withEnv(env, program, ['-'])),
    stdio: ['pipe', log, log],
    stopSignal: 'SIGTERM',
  })
  closeSync(log)
  process.stdin?.end(
    Object.entries(config)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(''),
  )

  const url = `redis://:${password}@${HOST}:${chosenPort}`
  await untilReady({ name: 'Redis', child, logFile, probe: () => isUp(url) })
  return { ...child, url, port: chosenPort }
}

/** The path of redis-server or valkey-server, or null if neither is on the PATH. */
export const findRedis = () => findProgram('redis-server', 'valkey-server')

/** Returns false while it does not answer or loads its data. */
export async function isUp(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  redis.on('error', () => {}) // the promise rejects as well
  try {
    await redis.connect()
    return (await redis.ping()) === 'PONG'
  } catch {
    return false
  } finally {
    redis.disconnect()
  }
}
