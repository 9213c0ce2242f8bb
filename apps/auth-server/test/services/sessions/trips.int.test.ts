import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { beforeAll, expect, inject, test } from 'vitest'
import { PASSWORD, type TestServer, testServer } from '../../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})

const logIn = (username: string) => server.call('POST', '/auth/login', { username, password: PASSWORD })

/** Postgres logs each statement in this file's database from now on, and in no other. */
async function logStatements(): Promise<void> {
  const superuser = new pg.Client({ connectionString: server.superuserUrl })
  await superuser.connect()
  const database = pg.escapeIdentifier(new URL(server.superuserUrl).pathname.slice(1))
  await superuser.query(`ALTER DATABASE ${database} SET log_statement = 'all'`)
  // It counts for new connections.
  await superuser.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  )
  await superuser.end()
  await expect.poll(async () => (await logIn('nobody')).status).toBe(401)
}

const logged = () => readFileSync(join(inject('runFolder'), 'postgres/log'), 'utf8')

/** The statements about accounts and sessions while something is done, each with what is around it. */
async function tripsOf(work: () => Promise<unknown>): Promise<string[]> {
  const before = logged().length
  await work()
  return logged()
    .slice(before)
    .split(/^(?=\d{4}-)/m)
    .filter((entry) => /LOG: +(?:execute|statement)/.test(entry) && /"users"|"families"|BEGIN|COMMIT/.test(entry))
}

test('a login waits for two trips to Postgres, and one that is refused for one, whether the user exists or not', async () => {
  const { username } = await server.login()
  await logStatements()
  expect(await tripsOf(async () => expect((await logIn(username)).status).toBe(200))).toHaveLength(2)
  for (const name of [username, 'nobody']) {
    const wrong = () => server.call('POST', '/auth/login', { username: name, password: 'wrong' })
    expect(await tripsOf(wrong)).toHaveLength(1)
  }
})
