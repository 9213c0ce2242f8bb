import { type Measured, at } from './recorder.ts'
import { totalsOf } from './totals.ts'
import { percent } from '@heirloom/harness/numbers'

interface Limits {
  maxErrorRate?: number | undefined
  /** Milliseconds. */
  maxP99?: number | undefined
}

interface Seen extends Limits {
  /** That replicas held to Postgres or Redis. */
  storeConnections?: number | undefined
}

/** What is broken, each in a sentence: the limits that were set, and what Heirloom promises in any case. */
export function brokenLimits(measured: Measured, { maxErrorRate, maxP99, storeConnections = 0 }: Seen): string[] {
  const { calls, answered, wrong, errorRate, falseRefusals, breaches } = totalsOf(measured)
  const slow = at(measured.response, 99)
  return [
    calls === 0 && 'Nothing was measured: no call was made.',
    calls > 0 &&
      answered + wrong + falseRefusals === 0 &&
      `Not one of ${calls} calls was answered: is that the right address?`,
    wrong > 0 && `Answers that were not what the service says: ${wrong}${whyIn(measured)}. Is that the right address?`,
    falseRefusals > 0 && `${falseRefusals} times a client with a live session was refused; that must never happen.`,
    breaches > 0 && `${breaches} attacks or thefts were not refused; that must never happen.`,
    storeConnections > 0 &&
      `Replicas held ${storeConnections} connections to Postgres or Redis; they must not have any.`,
    maxErrorRate !== undefined &&
      errorRate > maxErrorRate &&
      `${percent(errorRate)} of the requests failed; the limit was ${percent(maxErrorRate)}.`,
    maxP99 !== undefined &&
      slow > maxP99 &&
      `One call in a hundred took longer than ${slow.toFixed(1)} ms; the limit was ${maxP99} ms.`,
  ].filter((sentence) => sentence !== false)
}

/** Of the first. */
const whyIn = ({ anomalies: oddities }: Measured) => {
  const why = oddities.find((oddity) => oddity.why)?.why
  return why ? `, the first: ${why}` : ''
}

const [TOO_BUSY, TOO_LATE_MS] = [0.9, 20]

/** Where the engine was what limited the load: what to make of the numbers then. Null: it was not. */
export function engineBottleneck({ engine: { busy, latenessP99 } }: Measured): string | null {
  if (busy > TOO_BUSY) {
    return `The engine was busy ${percent(busy)} of the time: the throughput is what it could make, and latencies are partly its own. More --engines, or another machine for the load, would show more.`
  }
  if (latenessP99 > TOO_LATE_MS) {
    return `The engine began one request in a hundred more than ${latenessP99.toFixed(0)} ms late, for want of CPU: latencies from when a call was due are too high by that.`
  }
  return null
}
