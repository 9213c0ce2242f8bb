import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Store, startPostgres } from '@heirloom/local-stack'
import pg from 'pg'

const STREAMS_WITHIN_MS = 30_000

/**
 * Starts a standby on a copy of the primary's folder.
 * @param first the URL by which the standby reaches the primary.
 */
export async function startStandby(folder: string, first: URL): Promise<Store> {
  const { hostname, port, username, password } = first
  const source = `host=${hostname} port=${port} user=${username} password=${password}`
  appendFileSync(join(folder, 'cluster', 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`)
  writeFileSync(join(folder, 'cluster', 'standby.signal'), '')
  const standby = await startPostgres({ dataDir: folder })
  const client = new pg.Client({ connectionString: standby.url })
  await client.connect()
  try {
    const streams = async () =>
      (await client.query(`SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'`)).rowCount === 1
    for (const began = performance.now(); !(await streams()); await sleep(20))
      if (performance.now() - began > STREAMS_WITHIN_MS) throw new Error('the standby does not stream from its primary')
  } finally {
    await client.end()
  }
  return standby
}
