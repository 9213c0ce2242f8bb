import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { restore } from '../services/restore.ts'
import type { Door } from './door.ts'

const PROGRESS_EVERY_MS = 2_000
const RETRY_MS = 250

export function restoreCommand(program: Command, { onStores }: Door): void {
  program
    .command('restore')
    .description(
      'after Postgres was replaced by an older copy: merges what Redis still has, and ends sessions that may have ended since',
    )
    .option(
      '--unnoticed',
      'restores even if no server noticed the older copy, and ends every session that Redis does not have',
    )
    .action(
      onStores(async ({ rollback, forRestore }, options: { unnoticed?: true }) => {
        const progress = progressPrinter()
        const work = () =>
          forRestore((parts) => restore(parts, 'operator', (examined) => progress(`${examined} sessions examined`)))
        for (;;) {
          const restored = await rollback.restoring(work, options.unnoticed)
          if (restored.state === 'done') return { restored: true, ...restored.result }
          if (restored.state === 'intact') return { restored: false }
          progress('waiting for another process that is restoring')
          await sleep(RETRY_MS)
        }
      }),
    )
}

/** Prints at most one line every few seconds, on standard error. */
function progressPrinter() {
  let printedAt = Date.now()
  return (line: string) => {
    if (Date.now() < printedAt + PROGRESS_EVERY_MS) return
    printedAt = Date.now()
    process.stderr.write(`admin: ${line}\n`)
  }
}
