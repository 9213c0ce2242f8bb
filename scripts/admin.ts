// The admin command of the auth server, on the database that the environment names, or else on the stack that runs here.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { runningFile } from './start/data-folder.ts'
import { readPlace } from './start/settings.ts'

const ADMIN = fileURLToPath(new URL('../apps/auth-server/src/admin.ts', import.meta.url))

const env = process.env['DATABASE_URL'] ? process.env : { ...runningStack(), ...process.env }
if (env['DATABASE_URL']) {
  const admin = spawn(process.execPath, [ADMIN, ...process.argv.slice(2)], { env, stdio: 'inherit' })
  admin.on('exit', (code) => (process.exitCode = code ?? 1))
} else {
  console.error('admin: no stack runs on this data folder: start one (npm start), or set DATABASE_URL')
  process.exitCode = 1
}

function runningStack(): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(runningFile(readPlace(process.env).dataDir), 'utf8'))
  } catch {
    return {}
  }
}
