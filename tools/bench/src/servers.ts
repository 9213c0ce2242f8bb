import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { type Database, newDatabase } from '@heirloom/harness/database'
import { AUTH_SERVER, WITHOUT_LIMITS, newSecrets } from '@heirloom/harness/services'
import { startStores as startBoth } from '@heirloom/harness/stores'
import { EXAMPLE_REALM, type Service, type Store, findRedis, freePort, startService } from '@heirloom/local-stack'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Real stores in a temporary folder. */
export async function startStores(postgresSettings: Record<string, string> = {}) {
  if (findRedis() === null) throw new Error('This benchmark needs redis-server or valkey-server on the PATH.')
  const dataDir = mkdtempSync(join(tmpdir(), 'heirloom-bench-'))
  const { postgres, redis, ...stores } = await startBoth({ dataDir, postgresSettings })
  const stop = async () => {
    await stores.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
  return { postgres, redis: redis as Store, stop }
}

export type Stores = Awaited<ReturnType<typeof startStores>>

/** Each server has its own database in Redis too: Redis remembers how far one Postgres database has come. */
let servers = 0
const REDIS_DATABASES = 16

/** A server, its settings and its database. */
export type AuthServer = Service & Database & { env: Record<string, string> }

export async function startAuthServer(
  { postgres, redis }: Stores,
  settings: Record<string, string> = {},
  script = AUTH_SERVER,
): Promise<AuthServer> {
  // A database each: servers of one database agree on its keys.
  const database = await newDatabase(postgres.url, `bench-${randomBytes(4).toString('hex')}`)
  const env = {
    DATABASE_URL: database.databaseUrl,
    REDIS_URL: `${redis.url}/${servers++ % REDIS_DATABASES}`,
    REALM_FILE: EXAMPLE_REALM,
    ...newSecrets(),
    ...WITHOUT_LIMITS,
    LOG_LEVEL: 'warn',
    ...settings,
  }
  const service = await startService({ script, env })
  await service.ready()
  return { ...service, ...database, env }
}

/** Runs one of `peers/` in its own process. `tokens` has a refresh token per session, and `clientId` their client if the peer chose it. */
export async function startPeer(name: string, sessions: number, settings: Record<string, string> = {}) {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    PATH: process.env['PATH'],
    PORT: String(port),
    SESSIONS: String(sessions),
    ...settings,
  }
  const child = spawn(process.execPath, [path(`./peers/${name}.ts`)], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const line = await new Promise<string>((resolve, reject) => {
    let out = ''
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString()
      const found = out.split('\n').find((one) => one.startsWith('{"tokens"') && one.endsWith('}'))
      if (found) resolve(found)
    })
    child.on('exit', () => reject(new Error(`${name} did not start: ${out}`)))
  })
  const { tokens, clientId = '' } = JSON.parse(line) as { tokens: string[]; clientId?: string }
  return { url, pid: child.pid ?? 0, tokens, clientId, stop: () => child.kill('SIGTERM') }
}

/** CPU time of one signature, in microseconds, measured in a fresh process of the same Node. */
export async function signatureCpuUs(): Promise<number> {
  return Number(
    await text(
      spawn(process.execPath, [path('./peers/signature.ts')], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout,
    ),
  )
}

/** RSA-2048 signatures per second of OpenSSL on all cores. Null if it is not installed. */
export async function opensslSignsPerSecond(): Promise<number | null> {
  const args = ['speed', '-seconds', '1', '-multi', String(availableParallelism()), 'rsa2048']
  const child = spawn('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const output = await Promise.race([text(child.stdout), once(child, 'error').then(() => '')])
  // "rsa 2048 bits 0.000310s 0.000009s   3225.8 111111.1": seconds per signature and check, then how many per second.
  const found = /^rsa +2048 bits +\S+ +\S+ +(\S+)/m.exec(output)
  return found ? Number(found[1]) : null
}
