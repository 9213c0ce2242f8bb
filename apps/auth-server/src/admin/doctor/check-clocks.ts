import type { Finding } from './finding.ts'

const MAX_APART_MS = 2_000

/** How far the clock that `read` asks is ahead of this machine's, in milliseconds. Half of the round trip is its error. */
export async function aheadOfUs(read: () => Promise<number>): Promise<number> {
  const before = Date.now()
  const theirs = await read()
  return theirs - (before + Date.now()) / 2
}

/** @param aheadMs by the name of the store; null if it was not reached. */
export function checkClocks(aheadMs: Readonly<Record<string, number | null>>): Finding[] {
  const clocks = Object.entries(aheadMs).filter((clock): clock is [string, number] => clock[1] !== null)
  const all = [0, ...clocks.map(([, ms]) => ms)]
  if (Math.max(...all) - Math.min(...all) <= MAX_APART_MS) return []
  const parts = clocks.map(
    ([name, ms]) => `${name} is ${Math.abs(ms / 1000).toFixed(1)} s ${ms < 0 ? 'behind' : 'ahead of'} this machine`,
  )
  return [
    {
      level: 'warning',
      check: 'clocks',
      cause: `The clocks differ: ${parts.join(', ')}`,
      cure: 'Let NTP set the clock of every machine: lifetimes and the grace period are measured with these clocks.',
    },
  ]
}
