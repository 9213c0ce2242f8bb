/**
 * What it takes to import users: time, and the most memory of the command. Then each kind of hash logs in, twice.
 *
 * Method: a file of users with hashes of all kinds in turn is imported into a new database by the operator's command. The
 * memory is the peak of its resident set, which Linux keeps. The same file is imported again, which changes nothing.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { AUTH_SERVER } from '@heirloom/harness/services'
import pg from 'pg'
import { IMPORTED_HASHES } from './imported-hashes.ts'
import { progress } from './progress.ts'
import { startAuthServer, startStores } from './servers.ts'

const POLL_MS = 50

export async function benchImport({ users }: { users: number }): Promise<void> {
  const stores = await startStores()
  const folder = mkdtempSync(join(tmpdir(), 'heirloom-import-'))
  try {
    const server = await startAuthServer(stores)
    const file = join(folder, 'users.jsonl')
    progress(`Writing ${users.toLocaleString('en')} lines`)
    await pipeline(linesOf(users), createWriteStream(file))
    for (const what of ['new', 'there already']) {
      progress(`Importing users who are ${what}`)
      const { seconds, peakMiB, answer } = await importFile(server.env, file)
      const rate = Math.round(users / seconds).toLocaleString('en')
      console.log(
        `${users.toLocaleString('en')} users who are ${what}: ${seconds.toFixed(1)} s, ${rate} a second, at most ${peakMiB.toFixed(0)} MiB`,
      )
      console.log(`  ${answer.trim().replaceAll(/\s+/g, ' ')}`)
    }
    const sql = new pg.Client({ connectionString: server.superuserUrl })
    await sql.connect()
    for (const [i, { kind, password }] of IMPORTED_HASHES.entries()) {
      const logins = [await logIn(server.url, `user-${i}`, password), await logIn(server.url, `user-${i}`, password)]
      const { rows } = await sql.query('SELECT password_hash FROM users WHERE username_key = $1', [`user-${i}`])
      const isOurs = String(rows[0]?.password_hash).startsWith('$argon2id$v=19$m=19456,t=2,p=1$')
      console.log(`${kind}: ${logins.join(', then ')}; the hash is ${isOurs ? 'ours' : 'not replaced'}`)
    }
    await sql.end()
    await server.stop()
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await stores.stop()
  }
}

function* linesOf(users: number): Generator<string> {
  for (let i = 0; i < users; i++) {
    const { hash } = IMPORTED_HASHES[i % IMPORTED_HASHES.length] ?? { hash: null }
    const attributes = { department: `department ${i % 50}`, tenant_id: i % 1_000 }
    yield `${JSON.stringify({ username: `user-${i}`, password_hash: hash, email: `user-${i}@example.com`, attributes, created_at: '2024-05-01T12:30:00Z' })}\n`
  }
}

async function importFile(env: NodeJS.ProcessEnv, file: string) {
  const began = performance.now()
  const child = spawn(process.execPath, [`${AUTH_SERVER}/src/admin.ts`, 'user', 'import', file], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let peakKib = 0
  const timer = setInterval(() => (peakKib = Math.max(peakKib, peakOf(child.pid))), POLL_MS)
  const [answer] = await Promise.all([text(child.stdout), once(child, 'close')])
  clearInterval(timer)
  if (child.exitCode !== 0) throw new Error(`the import ended with ${child.exitCode}`)
  return { seconds: (performance.now() - began) / 1000, peakMiB: peakKib / 1024, answer }
}

/** The peak of the resident set so far, in KiB: proc(5), `VmHWM`. */
function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

async function logIn(url: string, username: string, password: string): Promise<number> {
  const { status } = await fetch(`${url}/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  })
  return status
}
