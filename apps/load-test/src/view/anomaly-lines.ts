import type { Anomaly, Sent } from '../engine/request-log.ts'
import { number } from '@heirloom/harness/numbers'

const time = (at: number) => new Date(at).toISOString().slice(11, 23)

const OUTCOMES: Record<string, string> = {
  failed: 'failed',
  wrong: 'was not answered with what the service says',
  false_refusal: 'was refused, with a session that was live',
  breach: 'was not refused',
}

/** Something that must not have happened and what led to it, a line each. Times are of UTC. */
export function anomalyLines({ at, client, operation, outcome, sent, noted = [] }: Anomaly): string[] {
  const steps = [
    ...sent.map((one) => ({ at: one.at, words: sentWords(one) })),
    ...noted.map((event) => ({ at: event.at, words: `the auth server noted: ${event.words}` })),
  ].toSorted((a, b) => a.at - b.at)
  return [
    `${time(at)} ${client === 0 ? 'stranger' : `client ${client}`}: ${operation} ${OUTCOMES[outcome] ?? outcome}`,
    ...steps.map((step) => `  ${time(step.at)} ${step.words}`),
  ]
}

function sentWords({ tab, what, answer }: Sent): string {
  const who = `tab ${tab}: ${what}`
  if (!answer) return `${who}, not answered yet`
  const { status, code, server, ms } = answer
  return `${who}, ${status ? `${status}` : 'no answer'}${code && ` ${code}`} after ${number(ms)} ms from ${server}`
}
