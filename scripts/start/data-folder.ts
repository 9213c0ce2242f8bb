import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseEnv } from 'node:util'

/** Goes up when an older folder can no longer be used as it is. */
const VERSION = '1'

interface Secrets {
  TOKEN_SECRETS: string
  KEY_ENCRYPTION_SECRET: string
  DEMO_PASSWORD: string
}

export interface DataFolder {
  readonly path: string
  readonly secrets: Secrets
  /** True at its first use. */
  readonly isNew: boolean
  /** True if whoever used the folder before was killed, so that what it had started may still be stopping. */
  readonly wasAbandoned: boolean
  /** Writes down how to reach the stack that runs on this folder, for the commands that work on it. */
  writeRunning(env: Record<string, string>): void
  /** Lets another copy have the folder. */
  close(): void
}

export const runningFile = (dataDir: string): string => join(dataDir, 'running.env')

/** Opens the folder for this process alone, made if missing. Throws, with one line, where that cannot be. */
export function openDataFolder(path: string): DataFolder {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    checkVersion(path)
    const lock = lockFolder(path)
    const running = runningFile(path)
    const secretsFile = join(path, 'secrets.env')
    const isNew = !existsSync(secretsFile)
    return {
      path,
      isNew,
      secrets: keptSecrets(secretsFile),
      wasAbandoned: existsSync(running),
      writeRunning: (env) => writeFileSync(running, formatEnv(env), { mode: 0o600 }),
      close() {
        rmSync(running, { force: true })
        lock.close()
      },
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    throw new Error(`the data folder ${path} belongs to another user: set DATA_DIR to another folder`, { cause: error })
  }
}

function checkVersion(path: string): void {
  const file = join(path, 'version')
  if (!existsSync(file)) {
    if (readdirSync(path).length > 0)
      throw new Error(`${path} is not empty and no data folder of Heirloom: set DATA_DIR`)
    writeFileSync(file, VERSION)
  }
  const version = readFileSync(file, 'utf8').trim()
  if (version !== VERSION) {
    throw new Error(
      `${path} is a data folder of version ${version}, and this Heirloom uses version ${VERSION}: ` +
        'set DATA_DIR to another folder, or remove this one with all that is in it',
    )
  }
  // If root runs this, the stores run as another user, who has to go through it. What is in it has modes of its own.
  chmodSync(path, process.getuid?.() === 0 ? 0o711 : 0o700)
}

/** SQLite locks its file through the system, which lets go of the lock when the process ends, however it ends. */
function lockFolder(path: string): DatabaseSync {
  const lock = new DatabaseSync(join(path, 'lock'), { timeout: 0 })
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    throw new Error(
      `${path} is in use by another running copy: stop that one, or set DATA_DIR, AUTH_PORT and API_PORT for this one`,
      { cause: error },
    )
  }
  return lock
}

function keptSecrets(file: string): Secrets {
  if (!existsSync(file)) {
    const made: Secrets = {
      TOKEN_SECRETS: newSecret(32),
      KEY_ENCRYPTION_SECRET: newSecret(32),
      DEMO_PASSWORD: newSecret(18),
    }
    writeFileSync(file, formatEnv({ ...made }), { mode: 0o600 })
  }
  return parseEnv(readFileSync(file, 'utf8')) as unknown as Secrets
}

const newSecret = (bytes: number): string => randomBytes(bytes).toString('base64url')

const formatEnv = (env: Record<string, string>): string =>
  Object.entries(env)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('')
