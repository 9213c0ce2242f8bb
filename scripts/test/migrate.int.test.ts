import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createDatabase } from '@heirloom/local-stack'
import pg from 'pg'
import { afterAll, beforeEach, expect, inject, test, vi } from 'vitest'
import { migrate } from '../../prisma/migrate.ts'

const ours = new URL('../../prisma/migrations', import.meta.url)
const COUNT = readdirSync(ours, { withFileTypes: true }).filter((one) => one.isDirectory()).length

const temporary = mkdtempSync(join(tmpdir(), 'heirloom-migrations-'))
const folder = pathToFileURL(`${temporary}/`)
afterAll(() => rmSync(temporary, { recursive: true, force: true }))

let databaseUrl: string
let count = 0
beforeEach(async () => {
  rmSync(temporary, { recursive: true, force: true })
  cpSync(ours, temporary, { recursive: true })
  const maintenance = new URL('/postgres', inject('templateUrl'))
  databaseUrl = await createDatabase(maintenance.href, `migrate-${process.pid}-${++count}`)
})

function add(name: string, sql: string): void {
  mkdirSync(join(temporary, name), { recursive: true })
  writeFileSync(join(temporary, name, 'migration.sql'), sql)
}

async function query(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const { rows } = await client.query(sql)
  await client.end()
  return rows
}

const RECORDS = `SELECT migration_name AS name, length(checksum) AS digits, finished_at >= started_at AS finished,
  rolled_back_at, logs, applied_steps_count AS steps FROM _prisma_migrations ORDER BY started_at`

test('applies each migration once, in order, and records it as Prisma does', async () => {
  add('20990101000000_later', 'ALTER TABLE users ADD COLUMN later INT')
  const names = await migrate(databaseUrl, folder)
  expect(names).toHaveLength(COUNT + 1)
  expect(await migrate(databaseUrl, folder)).toEqual([])
  expect(await query(RECORDS)).toEqual(
    names.map((name) => ({ name, digits: 64, finished: true, rolled_back_at: null, logs: null, steps: 1 })),
  )
  expect(await query('SELECT later FROM users')).toEqual([])
})

test('concurrent callers apply it once', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => migrate(databaseUrl)))
  expect(answers.flat()).toHaveLength(COUNT)
  expect(await query(RECORDS)).toHaveLength(COUNT)
})

test('waits for a `prisma migrate` that is under way', async () => {
  const prisma = new pg.Client({ connectionString: databaseUrl })
  await prisma.connect()
  await prisma.query('SELECT pg_advisory_lock(72707369)')
  const migrated = migrate(databaseUrl)
  await expect
    .poll(() => query(`SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`))
    .toEqual([{ count: 1 }])
  await prisma.end()
  expect(await migrated).toHaveLength(COUNT)
})

test('refuses a migration that was changed after it had been applied', async () => {
  const [name] = await migrate(databaseUrl, folder)
  add(String(name), 'SELECT 1')
  await expect(migrate(databaseUrl, folder)).rejects.toThrow(`migration ${name} was changed after it had been applied`)
})

test.each([
  ['\n', '\r\n'],
  ['\r\n', '\n'],
])('takes a migration for the same one when git has changed its line endings', async (before, after) => {
  const lines = (ending: string) => ['CREATE TABLE kept (', '  id INT', ');', ''].join(ending)
  add('20990101000000_later', lines(before))
  await migrate(databaseUrl, folder)
  add('20990101000000_later', lines(after))
  expect(await migrate(databaseUrl, folder)).toEqual([])
})

test('refuses a database that is ahead of it', async () => {
  add('20990101000000_later', 'SELECT 1')
  await migrate(databaseUrl, folder)
  await expect(migrate(databaseUrl)).rejects.toThrow('the database has migration 20990101000000_later')
})

test('refuses after a migration that failed elsewhere, until it is resolved', async () => {
  await migrate(databaseUrl, folder)
  await query('UPDATE _prisma_migrations SET finished_at = NULL')
  await expect(migrate(databaseUrl, folder)).rejects.toThrow(/^migration .* failed before/)
})

test('a migration that fails leaves nothing behind, and those before it stay', async () => {
  add('20990101000000_half', 'CREATE TABLE half (n INT); SELECT nonsense')
  await expect(migrate(databaseUrl, folder)).rejects.toThrow(
    /20990101000000_half failed and was rolled back: .*nonsense/,
  )
  expect(await query(RECORDS)).toHaveLength(COUNT)
  expect(await query(`SELECT to_regclass('half') AS half`)).toEqual([{ half: null }])
})

test('says in one line that there is no database', async () => {
  await expect(migrate('postgres://nobody@127.0.0.1:1/none')).rejects.toThrow(
    /^Nothing listens .*DATABASE_URL.*ECONNREFUSED/,
  )
})

test('users keep their names when case folding is introduced, and neither of two that become one is lost', async () => {
  const since = '20261129120000_username_case_folding'
  const later = readdirSync(temporary).filter((name) => name >= since && name !== 'migration_lock.toml')
  for (const name of later) rmSync(join(temporary, name), { recursive: true })
  await migrate(databaseUrl, folder)
  // As the previous version created them, in lower case.
  await query(
    `INSERT INTO users (username, username_key, password_hash) SELECT key, key, '-' FROM unnest(ARRAY['ada', 'straße', 'οδος', 'οδοσ']) key`,
  )
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  await migrate(databaseUrl)
  expect(warn.mock.calls.flat()).toEqual([
    expect.stringMatching(/^migrate: users \S+ and \S+ have one name now; both log in/),
  ])
  warn.mockRestore()
  expect(await query('SELECT username, username_key FROM users ORDER BY username COLLATE "C"')).toEqual([
    { username: 'ada', username_key: 'ada' },
    { username: 'straße', username_key: 'strasse' },
    { username: 'οδος', username_key: 'οδος' },
    { username: 'οδοσ', username_key: 'οδοσ' },
  ])
})
