import { randomUUID } from 'node:crypto'
import { createDatabase } from '@heirloom/local-stack'
import pg from 'pg'
import { beforeEach, expect, inject, test } from 'vitest'
import { migrate } from '../../prisma/migrate.ts'
import { prepareRoles } from '../../prisma/roles.ts'

let adminUrl: string
let ownerUrl: string
let serverUrl: string
let serverRole: string
beforeEach(async () => {
  const id = randomUUID()
  adminUrl = await createDatabase(new URL('/postgres', inject('templateUrl')).href, `roles-${id}`)
  serverRole = `server-${id}`
  ownerUrl = as(`owner-${id}`)
  serverUrl = as(serverRole)
})

function as(role: string, password: string = randomUUID()): string {
  const url = new URL(adminUrl)
  url.username = role
  url.password = password
  return url.href
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

test('a database that a superuser created gets the owner, and the server reads and writes its rows', async () => {
  await migrate(adminUrl)
  await query(adminUrl, `INSERT INTO users (username, username_key, password_hash) VALUES ('a', 'a', '-')`)
  await prepareRoles({ adminUrl, ownerUrl, serverUrl })
  await expect(query(serverUrl, 'SELECT FROM users')).rejects.toThrow('permission denied')
  expect(await migrate(ownerUrl, undefined, serverRole)).toEqual([])
  expect(await query(serverUrl, 'SELECT username FROM users')).toEqual([{ username: 'a' }])
  // This includes the sequence of a table.
  await query(serverUrl, `INSERT INTO security_events (at, type, detail) VALUES (now(), 'login', '{}')`)
  await expect(query(serverUrl, 'DELETE FROM _prisma_migrations')).rejects.toThrow('permission denied')
})

test('the server may read and write what later migrations create, whichever role applies them', async () => {
  await prepareRoles({ adminUrl, ownerUrl, serverUrl })
  await migrate(ownerUrl, undefined, serverRole)
  await query(ownerUrl, 'CREATE TABLE later (n serial)')
  await query(serverUrl, 'INSERT INTO later DEFAULT VALUES')
  await expect(query(serverUrl, 'DROP TABLE later')).rejects.toThrow('must be owner')
})

test('run again with other passwords, it sets them', async () => {
  await prepareRoles({ adminUrl, ownerUrl, serverUrl })
  const changed = as(serverRole)
  await prepareRoles({ adminUrl, ownerUrl, serverUrl: changed })
  await expect(query(serverUrl, 'SELECT')).rejects.toThrow('password authentication failed')
  expect(await query(changed, 'SELECT current_user AS role')).toEqual([{ role: serverRole }])
})

test('refuses a role with too many rights, one role for both, and a missing password, and changes nothing', async () => {
  const before = await query(adminUrl, 'SELECT rolname FROM pg_roles ORDER BY 1')
  const superuser = as(new URL(adminUrl).username)
  await expect(prepareRoles({ adminUrl, ownerUrl, serverUrl: superuser })).rejects.toThrow(
    'has more rights than it should',
  )
  await expect(prepareRoles({ adminUrl, ownerUrl, serverUrl: ownerUrl })).rejects.toThrow('must be two roles')
  await expect(prepareRoles({ adminUrl, ownerUrl, serverUrl: as(serverRole, '') })).rejects.toThrow('its password')
  await expect(prepareRoles({ adminUrl, ownerUrl, serverUrl: as(serverRole, 'ü') })).rejects.toThrow('ASCII')
  expect(await query(adminUrl, 'SELECT rolname FROM pg_roles ORDER BY 1')).toEqual(before)
})
