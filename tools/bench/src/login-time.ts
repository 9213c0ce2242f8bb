/**
 * Whether the time of a refused login tells if the user exists, or which kind of hash he has.
 *
 * Method: wrong passwords for an unknown name and for a user of each kind, in random order, a few at once. The times of each
 * kind are compared with those of the unknown name by the Mann-Whitney test. 0.5 is the chance of a guess by one answer: the
 * share of pairs in which the known user took longer. A `p` below 0.05, divided by the number of kinds, is a difference.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runAdmin } from '@heirloom/harness/services'
import pg from 'pg'
import { Pool } from 'undici'
import { IMPORTED_HASHES } from './imported-hashes.ts'
import { progress } from './progress.ts'
import { startAuthServer, startStores } from './servers.ts'
import { mannWhitney, median, percentile } from './statistics.ts'

const UNKNOWN = 'unknown'
const PASSWORD = 'a long and quiet walk'

interface Options {
  samples: number
  stepMs: number
  atOnce: number
}

export async function benchLoginTime({ samples, stepMs, atOnce }: Options): Promise<void> {
  const stores = await startStores()
  const folder = mkdtempSync(join(tmpdir(), 'heirloom-login-time-'))
  try {
    const server = await startAuthServer(stores, { REFUSED_LOGIN_STEP_MS: String(stepMs) })
    const pool = new Pool(server.url, { connections: atOnce })
    const post = async (url: string, body: object) => {
      const began = performance.now()
      const headers = { 'content-type': 'application/json' }
      const answer = await pool.request({ method: 'POST', path: url, headers, body: JSON.stringify(body) })
      await answer.body.text()
      return { status: answer.statusCode, ms: performance.now() - began }
    }
    const users = [...IMPORTED_HASHES.map(({ kind, hash }) => [kind, hash] as const), ['no password', null] as const]
    const file = join(folder, 'users.jsonl')
    const lines = users.map(([kind, hash]) => JSON.stringify({ username: nameOf(kind), password_hash: hash }))
    writeFileSync(file, lines.join('\n'))
    await runAdmin(server.env, 'user', 'import', file)
    for (const kind of ['ours', 'unreadable'])
      await post('/auth/register', { username: nameOf(kind), password: PASSWORD })
    const sql = new pg.Client({ connectionString: server.superuserUrl })
    await sql.connect()
    await sql.query(`UPDATE users SET password_hash = '{SSHA}x' WHERE username_key = 'unreadable'`)
    await sql.end()

    const kinds = [UNKNOWN, 'ours', ...users.map(([kind]) => kind), 'unreadable']
    const times = new Map(kinds.map((kind) => [kind, [] as number[]]))
    const order = Array.from({ length: samples }, () => shuffled(kinds)).flat()
    progress(`${order.length.toLocaleString('en')} wrong passwords`)
    const worker = async () => {
      for (let kind = order.pop(); kind !== undefined; kind = order.pop()) {
        const { status, ms } = await post('/auth/login', { username: nameOf(kind), password: 'wrong' })
        // A store did not answer in time, which says nothing about the user.
        if (status === 503) order.unshift(kind)
        else if (status === 401) times.get(kind)?.push(ms)
        else throw new Error(`${kind} answered ${status}`)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker))

    const ofUnknown = times.get(UNKNOWN) ?? []
    console.log('kind              median      p99   later steps   known is later          p')
    for (const [kind, ms] of times) {
      const { share, p } = mannWhitney(ms, ofUnknown)
      const later = stepMs === 0 ? 0 : ms.filter((one) => one >= 2 * stepMs).length
      const columns = [`${median(ms).toFixed(1)} ms`, `${percentile(ms, 0.99).toFixed(1)} ms`, String(later)]
      const test = kind === UNKNOWN ? ['', ''] : [share.toFixed(3), p.toPrecision(2)]
      console.log(
        kind.padEnd(14) + [...columns, ...test].map((one, i) => one.padStart([11, 11, 10, 17, 13][i] ?? 0)).join(''),
      )
    }
    await pool.close()
    await server.stop()
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await stores.stop()
  }
}

const nameOf = (kind: string) => kind.replaceAll(' ', '-').toLowerCase()

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
