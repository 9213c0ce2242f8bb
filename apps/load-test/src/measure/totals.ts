import { OPERATIONS, type Outcome } from '../engine/tally.ts'
import type { Measured } from './recorder.ts'

/** The main numbers of a run. */
export interface Totals {
  calls: number
  callsPerSecond: number
  /** Requests to the auth servers, without attacks and thefts. */
  authCalls: number
  retriedOk: number
  failed: number
  /** Answers that the service's contract does not allow. */
  wrong: number
  /** Calls with a correct answer, at once or at the one retry. */
  answered: number
  falseRefusals: number
  breaches: number
  /** The share of all requests that failed, from 0 to 1. */
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
    retriedOk: all('retried_ok'),
    failed,
    wrong,
    answered: counts.call.ok + counts.call.retried_ok,
    falseRefusals,
    breaches,
    errorRate: (failed + wrong + falseRefusals + breaches) / Math.max(1, everything),
  }
}
