import { readFileSync } from 'node:fs'
import type { Store } from '@heirloom/stack'

/** Postgres works in a process a connection: all of them, the first one first. None where it is gone. */
function processesOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return [pid, ...children.trim().split(' ').filter(Boolean).map(Number)]
  } catch {
    return []
  }
}

/** Sends a signal to a store, and to the processes that it has started. */
export function signalAll({ pid }: Store, signal: NodeJS.Signals): void {
  for (const one of processesOf(pid)) {
    try {
      process.kill(one, signal)
    } catch {
      // It is gone already.
    }
  }
}
