import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Store, startPostgres } from '@heirloom/stack'
import { copyFolder } from './copy-folder.ts'

/**
 * A second Postgres that streams from the first.
 * @param from the folder of the first, which does not run yet.
 * @param first its URL, by the way that the stream is to take.
 */
export async function startStandby(
  from: string,
  folder: string,
  first: URL,
  startFirst: () => Promise<void>,
): Promise<Store> {
  copyFolder(from, folder)
  await startFirst()
  const { hostname, port, username, password } = first
  const source = `host=${hostname} port=${port} user=${username} password=${password}`
  appendFileSync(join(folder, 'cluster', 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`)
  writeFileSync(join(folder, 'cluster', 'standby.signal'), '')
  return startPostgres({ dataDir: folder })
}
