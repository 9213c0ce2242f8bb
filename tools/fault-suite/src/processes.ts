import { processTree } from '@heirloom/harness/processes'
import type { Store } from '@heirloom/local-stack'

/** Sends a signal to a store, and then to its children: Postgres has a process per connection. */
export function signalAll({ pid }: Store, signal: NodeJS.Signals): void {
  for (const one of processTree(pid)) {
    try {
      process.kill(one, signal)
    } catch {
      // It has ended.
    }
  }
}
