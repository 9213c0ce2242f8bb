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
/** Segments that Postgres may have in reserve. */
const MOST_SEGMENTS = 12
const COMES_BACK_MS = 2_000

/** Postgres moves to a small disk, which fills up until it can write neither a row nor its log. */
export const DISK_FULL: Fault = {
  name: 'disk full under Postgres',
  obstacle() {
    const folder = mkdtempSync(join(tmpdir(), 'heirloom-disk-'))
    const mounts = spawnSync('mount', [...DISK, folder]).status === 0
    if (mounts) execFileSync('umount', [folder])
    rmdirSync(folder)
    return mounts ? null : 'not tried: it takes the right to mount a small disk'
  },
  async prepare({ house }) {
    await house.postgres.stop()
    const folder = house.postgresFolder
    await copyFolder(folder, `${folder}.kept`)
    execFileSync('mount', [...DISK, folder])
    await copyFolder(`${folder}.kept`, folder)
    await house.restartPostgres()
  },
  async inject({ house }) {
    await fill(fillerOf(house))
    for (let i = 0; i < MOST_SEGMENTS; i++) {
      const isTaken = await house
        .askPostgres(`SELECT pg_logical_emit_message(true, '', repeat('x', 1000)), pg_switch_wal()`)
        .then(
          () => true,
          () => false,
        )
      if (!isTaken) break
    }
  },
  async heal({ house }) {
    rmSync(fillerOf(house))
    for (const began = performance.now(); performance.now() - began < COMES_BACK_MS; await sleep(50))
      if (await house.isPostgresUp()) return
    // It has ended, or its recovery met the full disk and it waits for good: whoever runs it starts it again.
    signalAll(house.postgres, 'SIGKILL')
    await house.restartPostgres()
  },
  async tidy({ house }) {
    await house.postgres.stop()
    const folder = house.postgresFolder
    await copyFolder(folder, `${folder}.kept`)
    execFileSync('umount', [folder])
    await copyFolder(`${folder}.kept`, folder)
    await house.restartPostgres()
  },
}

const fillerOf = (house: TestCluster) => join(house.postgresFolder, 'filler')

/** Block by block, as the proxies live in this process: while it is kept busy, servers hear of neither store. */
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
