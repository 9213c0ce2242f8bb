import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseEnv } from 'node:util'

/** Raised when a version cannot use the folders of an older one. */
const VERSION = '1'

interface Secrets {
  TOKEN_SECRETS: string
  KEY_ENCRYPTION_SECRET: string
  DEMO_PASSWORD: string
}

export interface DataFolder {
  readonly path: string
  readonly secrets: Secrets
  /** Whether this is its first use. */
  readonly isNew: boolean
  /** Whether the last copy that used the folder was killed. Its processes may still be stopping. */
  readonly wasAbandoned: boolean
  /** Records the settings of the running stack, for commands that work on it. */
  writeRunning(env: Record<string, string>): void
  /** Releases the folder for another copy. */
  close(): void
}

export const runningFile = (dataDir: string): string => join(dataDir, 'running.env')

/** Opens the folder for this process alone, and creates it if it is missing. Throws, with one line, if it cannot. */
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
    throw new Error(`the data folder ${path} belongs to another user. Set DATA_DIR to another folder`, { cause: error })
  }
}

function checkVersion(path: string): void {
  const file = join(path, 'version')
  if (!existsSync(file)) {
    if (readdirSync(path).length > 0)
      throw new Error(`${path} is not empty and not a Heirloom data folder. Set DATA_DIR to another folder`)
    writeFileSync(file, VERSION)
  }
  const version = readFileSync(file, 'utf8').trim()
  if (version !== VERSION) {
    throw new Error(
      `${path} is a data folder of version ${version}, but this Heirloom needs version ${VERSION}. ` +
        'Set DATA_DIR to another folder, or remove this one with all its data',
    )
  }
  // Under root the stores run as another user, who must be able to enter the folder. Its contents have their own modes.
  chmodSync(path, process.getuid?.() === 0 ? 0o711 : 0o700)
}

/** SQLite locks its file through the system, which releases the lock when the process ends, even if it was killed. */
function lockFolder(path: string): DatabaseSync {
  const lock = new DatabaseSync(join(path, 'lock'), { timeout: 0 })
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    throw new Error(
      `${path} is in use by another running copy. Stop that one, or set DATA_DIR, AUTH_PORT and API_PORT for this one`,
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
