/**
 * The space that a session takes in each store.
 *
 * Method: sessions with the values of a real login, each of its own user, are inserted in bulk. Each is loaded through the
 * server's stores, which copies it to Redis, and later advanced three times. Sizes come from Postgres (`pg_table_size`,
 * `pg_relation_size` of each index) and from the growth of Redis' `used_memory`, divided by the number of sessions: a heap and
 * a B-tree grow in proportion.
 */
import { seedSessions } from '@heirloom/harness/seed-sessions'
import { Redis } from 'ioredis'
import pg from 'pg'
import { EMPTY_STATE } from '@heirloom/auth-server/internals/rules/family'
import { inTurns } from './in-turns.ts'
import { progress } from './progress.ts'
import { startStores } from './servers.ts'
import { usedMemory } from './storage.ts'
import { wireStores, withRetries } from './token-stores.ts'

const REFRESHES = 3
const AT_A_TIME = 256
const DAY_MS = 86_400_000

export async function benchFamilies({ families }: { families: number }): Promise<void> {
  const stores = await startStores({ synchronous_commit: 'off' })
  const redis = new Redis(stores.redis.url)
  const empty = await usedMemory(redis)
  const { databaseUrl, superuserUrl, tokenSecret, core, close } = await wireStores(stores, stores.redis.url)
  const sql = new pg.Client({ connectionString: superuserUrl })
  await sql.connect()

  const sizes = async (): Promise<Record<string, number>> => {
    const { rows } = await sql.query<{ name: string; bytes: string }>(`
      SELECT 'table' AS name, pg_table_size('families') AS bytes
      UNION ALL SELECT 'index ' || indexrelid::regclass, pg_relation_size(indexrelid)
      FROM pg_index WHERE indrelid = 'families'::regclass`)
    const postgres = Object.fromEntries(rows.map(({ name, bytes }) => [name, Number(bytes) / families]))
    const together = Object.values(postgres).reduce((sum, bytes) => sum + bytes, 0)
    const redisBytes = ((await usedMemory(redis)) - empty) / families
    return { ...postgres, 'Postgres in total': together, 'Redis key': redisBytes }
  }

  progress(`Inserting ${families.toLocaleString('en')} sessions`)
  await sql.query(
    `INSERT INTO users (username, username_key, password_hash)
     SELECT n, n, '' FROM (SELECT 'user-' || generate_series(1, $1)) AS users (n)`,
    [families],
  )
  const usernames = Array.from({ length: families }, (_, i) => `user-${i + 1}`)
  const ids = (await seedSessions({ databaseUrl, tokenSecret }, usernames)).map(({ familyId }) => familyId)

  let done = 0
  const forEach = (rounds: number, run: (id: string) => Promise<unknown>) =>
    inTurns(
      families,
      rounds,
      async (n) => {
        await withRetries(() => run(ids[n] ?? ''))
        if (++done % 1_000 === 0) progress(`${done.toLocaleString('en')} of ${families * (1 + REFRESHES)}`)
      },
      AT_A_TIME,
    )
  await forEach(1, (id) => core.families.load(id))
  const atLogin = await sizes()
  const redeemed = new Map<string, number>()
  await forEach(REFRESHES, (id) => {
    const generation = (redeemed.get(id) ?? 0) + 1
    redeemed.set(id, generation)
    const state = { ...EMPTY_STATE, redeemed: generation, redeemedAt: Date.now() }
    return core.families.advance({ id, expiresAt: Date.now() + 30 * DAY_MS, state })
  })
  await close()
  progress('')
  const refreshed = await sizes()

  console.log(`${families.toLocaleString('en')} sessions. Bytes per session, which equal MB per million sessions:`)
  const whole = (bytes: number | undefined) => Math.round(bytes ?? 0)
  console.table(
    Object.fromEntries(
      Object.keys(atLogin).map((name) => [
        name,
        { 'after the login': whole(atLogin[name]), [`after ${REFRESHES} refreshes`]: whole(refreshed[name]) },
      ]),
    ),
  )
  await sql.end()
  redis.disconnect()
  await stores.stop()
}
