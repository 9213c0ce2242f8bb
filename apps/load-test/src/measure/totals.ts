import { OPERATIONS, type Outcome } from '../engine/tally.ts'
import type { Measured } from './recorder.ts'

/** What one looks at first. */
export interface Totals {
  calls: number
  callsPerSecond: number
  /** On the auth server, of clients that behave. */
  authCalls: number
  mended: number
  failed: number
  falseRefusals: number
  breaches: number
  /** Of 1, of all that clients and attackers asked for. */
  errorRate: number
}

export function totalsOf({ counts, elapsedMs }: Measured): Totals {
  const all = (outcome: Outcome) => OPERATIONS.reduce((sum, operation) => sum + counts[operation][outcome], 0)
  const of = (operation: (typeof OPERATIONS)[number]) => Object.values(counts[operation]).reduce((sum, n) => sum + n, 0)
  const [falseRefusals, breaches] = [all('false_refusal'), all('breach')]
  const failed = all('failed')
  const everything = OPERATIONS.reduce((sum, operation) => sum + of(operation), 0)
  return {
    calls: of('call'),
    callsPerSecond: of('call') / (elapsedMs / 1000),
    authCalls: of('login') + of('refresh') + of('logout'),
    mended: all('mended'),
    failed,
    falseRefusals,
    breaches,
    errorRate: (failed + falseRefusals + breaches) / Math.max(1, everything),
  }
}
