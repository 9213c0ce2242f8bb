/**
 * What it takes to find one of very many users by the calls under /admin.
 *
 * Method: users, each with an address, attributes and some events, are inserted by SQL. Each call is then made again and again,
 * one at a time, by HTTP with a token. Times include HTTP and the check of the token. `memory` is the resident memory of the
 * server after all of it.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { Pool } from 'undici'
import { progress } from './progress.ts'
import { startAuthServer, startStores } from './servers.ts'
import { median, percentile } from './statistics.ts'

const REALM_FILE = fileURLToPath(new URL('./users-realm.yaml', import.meta.url))
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

interface Answered {
  access_token: string
  users: { id: string; username: string }[]
  next?: string
}

export async function benchUsers({ users, rounds }: { users: number; rounds: number }): Promise<void> {
  const stores = await startStores({ synchronous_commit: 'off' })
  const server = await startAuthServer(stores, { REALM_FILE })
  const pool = new Pool(server.url, { connections: 1 })
  const sql = new pg.Client({ connectionString: server.superuserUrl })
  await sql.connect()
  progress(`Inserting ${users.toLocaleString('en')} users`)
  await sql.query(
    `INSERT INTO users (username, username_key, password_hash, email, email_key, roles, attributes)
     SELECT n, n, '', n || '@mail.example', n || '@mail.example', '{user}', '{"plan": "pro"}'
     FROM (SELECT 'user-' || substr(md5(i::text), 1, 10) || i FROM generate_series(1, $1) AS i) AS names (n)`,
    [users],
  )
  await sql.query(`
    INSERT INTO security_events (at, type, user_id, detail)
    SELECT now() - random() * interval '90 days', 'login', id, '{"ip": "192.0.2.1"}' FROM users`)
  await sql.query('VACUUM ANALYZE users')
  await sql.query('VACUUM ANALYZE security_events')

  const authorization = `Basic ${Buffer.from('ops:bench').toString('base64')}`
  const send = async (path: string, options: object = {}): Promise<Answered> => {
    const answer = await pool.request({ path, method: 'GET', ...options })
    const text = await answer.body.text()
    if (answer.statusCode >= 300) throw new Error(`${path} answered ${answer.statusCode} ${text}`)
    return JSON.parse(text)
  }
  const granted = { method: 'POST', headers: { ...FORM, authorization }, body: 'grant_type=client_credentials' }
  const { access_token: token } = await send('/oauth2/token', granted)
  const headers = { authorization: `Bearer ${token}` }
  const get = (path: string) => send(`/admin${path}`, { headers })

  const { rows } = await sql.query<{ id: string; username: string }>(
    'SELECT id, username FROM users TABLESAMPLE SYSTEM (1) ORDER BY random() LIMIT $1',
    [rounds],
  )
  const some = (i: number) => rows[i % rows.length] ?? { id: '', username: '' }
  let next = ''
  const calls: Record<string, (i: number) => Promise<unknown>> = {
    'the first page of all': () => get('/users'),
    'the next page, from the first to the last': async () => {
      const page = await get(`/users?limit=100${next && `&after=${next}`}`)
      next = page.next ?? ''
    },
    'a page from the middle': (i) => get(`/users?after=${some(i).username}`),
    'a prefix that many have': (i) => get(`/users?username=user-${i % 10}`),
    'a whole name': (i) => get(`/users?username=${some(i).username}`),
    'a prefix that nobody has': (i) => get(`/users?username=nobody-${i}`),
    'an address': (i) => get(`/users?email=${some(i).username}@mail.example`),
    'an address that nobody has': (i) => get(`/users?email=nobody-${i}@mail.example`),
    'an id': (i) => get(`/users/${some(i).id}`),
    'the events of a user': (i) => get(`/events?user_id=${some(i).id}`),
    'the newest events': () => get('/events'),
    'the newest events of a type that is rare': () => get('/events?type=key_made'),
    'all that is kept of a user': (i) => get(`/users/${some(i).id}/export`),
  }
  for (const [name, call] of Object.entries(calls)) {
    const times: number[] = []
    for (let i = 0; i < rounds; i++) {
      const began = performance.now()
      await call(i)
      times.push(performance.now() - began)
    }
    const [half, most] = [median(times), percentile(times, 0.99)]
    console.log(`${name}: ${half.toFixed(1)} ms in the median, ${most.toFixed(1)} ms for 99 of 100`)
  }
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8')) ?? []
  console.log(`memory of the server: ${Math.round(Number(kilobytes) / 1024)} MB`)
  await pool.close()
  await sql.end()
  await server.stop()
  await stores.stop()
}
