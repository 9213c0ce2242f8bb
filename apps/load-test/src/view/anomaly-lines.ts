import type { Anomaly, Sent } from '../engine/request-log.ts'
import { number } from '@heirloom/harness/numbers'

const time = (at: number) => new Date(at).toISOString().slice(11, 23)

const OUTCOMES: Record<string, string> = {
  failed: 'failed',
  wrong: 'got an answer that does not fit the contract',
  false_refusal: 'was refused although the session was live',
  breach: 'was not refused',
}

/** Something that must not happen, and what led to it, one line each. Times are in UTC. */
export function anomalyLines({ at, client, operation, outcome, sent, securityEvents = [] }: Anomaly): string[] {
  const steps = [
    ...sent.map((one) => ({ at: one.at, text: describe(one) })),
    ...securityEvents.map((event) => ({ at: event.at, text: `the auth server recorded: ${event.description}` })),
  ].toSorted((a, b) => a.at - b.at)
  return [
    `${time(at)} ${client === 0 ? 'stranger' : `client ${client}`}: ${operation} ${OUTCOMES[outcome] ?? outcome}`,
    ...steps.map((step) => `  ${time(step.at)} ${step.text}`),
  ]
}

function describe({ tab, what, answer }: Sent): string {
  const who = `tab ${tab}: ${what}`
  if (!answer) return `${who}, not yet answered`
  const { status, code, server, ms } = answer
  return `${who}, ${status ? `${status}` : 'no answer'}${code && ` ${code}`} after ${number(ms)} ms from ${server}`
}
