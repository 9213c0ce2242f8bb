import { OPERATIONS, type Outcome } from '../engine/tally.ts'
import type { Measured } from './recorder.ts'

/** What one looks at first. */
export interface Totals {
  calls: number
  callsPerSecond: number
  /** On the auth server, of clients that behave. */
  authCalls: number
  retriedOk: number
  failed: number
  /** Answers that were not what the service says. */
  wrong: number
  /** Calls that were answered as they should be, at once or at the one retry. */
  answered: number
  falseRefusals: number
  breaches: number
  /** Of 1, of all that clients and attackers asked for. */
  errorRate: number
}

export function totalsOf({ counts, elapsedMs }: Measured): Totals {
  const all = (outcome: Outcome) => OPERATIONS.reduce((sum, operation) => sum + counts[operation][outcome], 0)
  const of = (operation: (typeof OPERATIONS)[number]) => Object.values(counts[operation]).reduce((sum, n) => sum + n, 0)
  const [falseRefusals, breaches] = [all('false_refusal'), all('breach')]
  const [failed, wrong] = [all('failed'), all('wrong')]
  const everything = OPERATIONS.reduce((sum, operation) => sum + of(operation), 0)
  return {
    calls: of('call'),
    callsPerSecond: of('call') / (elapsedMs / 1000),
    authCalls: of('login') + of('refresh') + of('retry') + of('logout'),
    retriedOk: all('mended'),
    failed,
    wrong,
    answered: counts.call.ok + counts.call.mended,
    falseRefusals,
    breaches,
    errorRate: (failed + wrong + falseRefusals + breaches) / Math.max(1, everything),
  }
}
