import { type Measured, at } from './recorder.ts'
import { totalsOf } from './totals.ts'
import { percent } from '@heirloom/harness/numbers'

interface Limits {
  maxErrorRate?: number | undefined
  /** Milliseconds. */
  maxP99?: number | undefined
}

interface Seen extends Limits {
  /** Connections of replicas to Postgres or Redis. */
  storeConnections?: number | undefined
}

/** A sentence for each broken limit: those that were set, and those that always hold. */
export function brokenLimits(measured: Measured, { maxErrorRate, maxP99, storeConnections = 0 }: Seen): string[] {
  const { calls, answered, wrong, errorRate, falseRefusals, breaches } = totalsOf(measured)
  const slow = at(measured.response, 99)
  return [
    calls === 0 && 'Nothing was measured because no call was made.',
    calls > 0 &&
      answered + wrong + falseRefusals === 0 &&
      `Calls that were answered: none of ${calls}. Is the address right?`,
    wrong > 0 && `Answers that do not fit the service's contract: ${wrong}${whyIn(measured)}. Is the address right?`,
    falseRefusals > 0 && `Refusals of clients with a live session: ${falseRefusals}. This must never happen.`,
    breaches > 0 && `Attacks or thefts that were not refused: ${breaches}. This must never happen.`,
    storeConnections > 0 && `Connections of replicas to Postgres or Redis: ${storeConnections}. There must be none.`,
    maxErrorRate !== undefined &&
      errorRate > maxErrorRate &&
      `${percent(errorRate)} of the requests failed. The limit was ${percent(maxErrorRate)}.`,
    maxP99 !== undefined &&
      slow > maxP99 &&
      `One call in a hundred took longer than ${slow.toFixed(1)} ms. The limit was ${maxP99} ms.`,
  ].filter((sentence) => sentence !== false)
}

/** The description of the first one. */
const whyIn = ({ anomalies }: Measured) => {
  const why = anomalies.find((anomaly) => anomaly.why)?.why
  return why ? `. The first: ${why}` : ''
}

const [TOO_BUSY, TOO_LATE_MS] = [0.9, 20]

/** How to read the numbers if the engine limited the load. Else null. */
export function engineBottleneck({ engine: { busy, latenessP99 } }: Measured): string | null {
  if (busy > TOO_BUSY) {
    return `The engine was busy ${percent(busy)} of the time. It limited the throughput, and part of each latency is its own. Try more --engines, or run the load on another machine.`
  }
  if (latenessP99 > TOO_LATE_MS) {
    return `The engine lacked CPU and began one request in a hundred more than ${latenessP99.toFixed(0)} ms late. Latencies from due time are too high by that.`
  }
  return null
}
