import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, rmdirSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { copyFolder } from '../copy-folder.ts'
import type { TestCluster } from '../test-cluster.ts'
import { signalAll } from '../processes.ts'
import type { Fault } from './fault.ts'

const MEGABYTE = 1024 * 1024
const DISK = ['-t', 'tmpfs', '-o', 'size=400m', 'tmpfs']
/** WAL segments that Postgres may have in reserve. */
const MAX_SEGMENTS = 12
const COMES_BACK_MS = 2_000

/** Postgres moves to a small disk, which then fills up until Postgres can write neither rows nor WAL. */
export const DISK_FULL: Fault = {
  name: 'disk full under Postgres',
  obstacle() {
    const folder = mkdtempSync(join(tmpdir(), 'heirloom-disk-'))
    const mounts = spawnSync('mount', [...DISK, folder]).status === 0
    if (mounts) execFileSync('umount', [folder])
    rmdirSync(folder)
    return mounts ? null : 'not tried, as mounting a small disk is not permitted here'
  },
  async prepare({ cluster }) {
    await cluster.postgres.stop()
    const folder = cluster.postgresFolder
    await copyFolder(folder, `${folder}.kept`)
    execFileSync('mount', [...DISK, folder])
    await copyFolder(`${folder}.kept`, folder)
    await cluster.restartPostgres()
  },
  async inject({ cluster }) {
    await fill(fillerOf(cluster))
    for (let i = 0; i < MAX_SEGMENTS; i++) {
      const isTaken = await cluster
        .query(`SELECT pg_logical_emit_message(true, '', repeat('x', 1000)), pg_switch_wal()`)
        .then(
          () => true,
          () => false,
        )
      if (!isTaken) break
    }
  },
  async heal({ cluster }) {
    rmSync(fillerOf(cluster))
    for (const began = performance.now(); performance.now() - began < COMES_BACK_MS; await sleep(50))
      if (await cluster.isPostgresUp()) return
    // Postgres has ended, or its recovery met the full disk and hangs. An operator would start it again.
    signalAll(cluster.postgres, 'SIGKILL')
    await cluster.restartPostgres()
  },
  async tidy({ cluster }) {
    await cluster.postgres.stop()
    const folder = cluster.postgresFolder
    await copyFolder(folder, `${folder}.kept`)
    execFileSync('umount', [folder])
    await copyFolder(`${folder}.kept`, folder)
    await cluster.restartPostgres()
  },
}

const fillerOf = (cluster: TestCluster) => join(cluster.postgresFolder, 'filler')

/** Asynchronously, block by block: the proxies run in this process and must not be blocked. */
async function fill(path: string): Promise<void> {
  for (const size of [MEGABYTE, 4096]) {
    const block = Buffer.alloc(size)
    try {
      for (;;) await appendFile(path, block)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
}
