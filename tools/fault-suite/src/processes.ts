import { readFileSync } from 'node:fs'
import type { Store } from '@heirloom/local-stack'

/** Postgres works in a process a connection: all of them, the first one first. */
const processesOf = (pid: number): number[] => [
  pid,
  ...readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
]

/** Sends a signal to a store, and to the processes that it has started. @throws where it does not run */
export function signalAll({ pid }: Store, signal: NodeJS.Signals): void {
  for (const one of processesOf(pid)) {
    try {
      process.kill(one, signal)
    } catch {
      // It is gone already.
    }
  }
}
