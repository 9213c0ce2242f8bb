/**
 * How often a fleet of resource services fetches the issuer's keys, and whether it ever refuses a valid token because it lacks
 * a key. The scenario has a deployment, the steady state, a rotation, two outages of the issuer and a flood of forged key ids.
 *
 * Method: every replica is a key set of `@heirloom/verifier`, the code that runs in production, with a simulated clock, timers
 * and `fetch`. Four hours of ten thousand replicas thus take a minute or two. Each replica gets one request with a valid token
 * per second. The same fleet also runs by the rules of jose and get-jwks, which fetch when a request needs a key.
 * test/fleet.test.ts compares those rules with the real libraries.
 */
import { writeFileSync } from 'node:fs'
import { integer } from '@heirloom/harness/numbers'
import { picture as drawn } from '@heirloom/harness/chart'
import { type MakeClient, getJwksRules, heirloom, joseRules } from './fleet/clients.ts'
import { MAX_AGE_SECONDS } from './fleet/endpoint.ts'
import { type Outcome, simulate } from './fleet/simulate.ts'
import { STORY } from './fleet/story.ts'
import { reportStatus } from './fleet/report-status.ts'
import { simulateStatus } from './fleet/simulate-status.ts'

export interface FleetOptions {
  replicas: number
  /** A file for the chart. */
  picture?: string
}

const FLEETS: readonly { label: string; makeClient: MakeClient }[] = [
  { label: '@heirloom/verifier', makeClient: heirloom },
  { label: 'jose', makeClient: joseRules },
  { label: 'get-jwks', makeClient: getJwksRules },
]

/** Seconds per point of a line. A point shows their maximum. */
const POINT = 10

interface Span {
  from: number
  to: number
}

export async function benchFleet({ replicas, picture }: FleetOptions): Promise<void> {
  const outcomes: Record<string, Outcome> = {}
  for (const { label, makeClient } of FLEETS) {
    console.log(`Simulating ${replicas.toLocaleString('en')} replicas of ${label} for ${STORY.end / 60} minutes ...`)
    outcomes[label] = await simulate(makeClient, replicas)
  }
  console.log('\nKey fetches of the whole fleet:')
  console.table(perFleet(outcomes, (outcome) => fetches(outcome, replicas)))
  console.log('Refused requests with a valid token:')
  console.table(perFleet(outcomes, ({ refused }) => refusals(refused, replicas)))
  const ours = outcomes[FLEETS[0]?.label ?? '']
  if (ours) printTargets(ours, replicas)
  console.log(`\nSimulating ${replicas.toLocaleString('en')} replicas that check a status list ...`)
  reportStatus(await simulateStatus(replicas), replicas)
  if (picture === undefined) return
  const phases = [
    { label: 'key published', from: STORY.rotation.published, to: STORY.rotation.signs },
    { label: 'key signs', from: STORY.rotation.signs, to: STORY.rotation.withdrawn },
    { label: 'issuer down', ...STORY.outage },
    { label: 'forged key ids', ...STORY.flood },
    { label: 'issuer down for an hour', ...STORY.longOutage },
  ]
  const svg = drawn({
    title: `Fetches of the issuer's keys by ${integer(replicas)} replicas`,
    width: 1_000,
    x: { label: 'minutes', scale: 'linear', tight: true },
    y: { label: `per second, maximum of each ${POINT} s`, scale: 'log', format: integer },
    series: FLEETS.map(({ label }) => ({ name: label, style: 'line', points: highest(outcomes[label]?.perSecond) })),
    spans: phases.map(({ label, from, to }) => ({ label, from: from / 60, to: to / 60 })),
  })
  writeFileSync(picture, svg)
  console.log(`Chart written to ${picture}`)
}

/** A logarithmic scale cannot show 0, so 0 is drawn as 1. */
function highest(perSecond: Uint32Array = new Uint32Array()): [minute: number, fetches: number][] {
  return Array.from({ length: Math.ceil(perSecond.length / POINT) }, (_, i) => [
    (i * POINT) / 60,
    Math.max(1, ...perSecond.subarray(i * POINT, (i + 1) * POINT)),
  ])
}

const perFleet = <T>(outcomes: Record<string, Outcome>, row: (outcome: Outcome) => T) =>
  Object.fromEntries(Object.entries(outcomes).map(([label, outcome]) => [label, row(outcome)]))

function fetches({ perSecond, mostInFlood }: Outcome, replicas: number) {
  const steady = within(perSecond, STORY.steady)
  const lifetimes = (STORY.steady.to - STORY.steady.from) / MAX_AGE_SECONDS
  return {
    'steady, per second': Number((sum(steady) / steady.length).toFixed(1)),
    'per replica in 300 s': Number((sum(steady) / replicas / lifetimes).toFixed(3)),
    'steady, peak': Math.max(...steady),
    'rotation, peak': Math.max(...within(perSecond, STORY.rotation)),
    'outage, peak': Math.max(...within(perSecond, STORY.outage)),
    'issuer back, peak': Math.max(...within(perSecond, STORY.recovery)),
    'flood, peak': Math.max(...within(perSecond, STORY.flood)),
    'flood, most by one replica': mostInFlood,
  }
}

function refusals(refused: Uint32Array, replicas: number) {
  const share = (span: Span) =>
    `${((100 * sum(within(refused, span))) / replicas / (span.to - span.from)).toFixed(1)} %`
  return {
    rotation: share(STORY.rotation),
    'outage of 10 min': share(STORY.outage),
    flood: share(STORY.flood),
    'outage of an hour': share(STORY.longOutage),
    'all, count': sum(refused),
  }
}

function printTargets({ perSecond, refused, mostInFlood }: Outcome, replicas: number) {
  const steady = within(perSecond, STORY.steady)
  const mean = sum(steady) / steady.length
  const lifetimes = (STORY.steady.to - STORY.steady.from) / MAX_AGE_SECONDS
  const perLifetime = sum(steady) / replicas / lifetimes
  const floodSeconds = STORY.flood.to - STORY.flood.from
  const most = floodSeconds / 30 + floodSeconds / MAX_AGE_SECONDS
  const rotationPeak = Math.max(...within(perSecond, STORY.rotation))
  const rows = [
    // A key set refetches in the last hundredth of its lifetime.
    ['fetches per replica and lifetime, steady', 'at most 1.01', perLifetime, perLifetime <= 1.01],
    ['peak second / mean, steady', 'under 3', Math.max(...steady) / mean, Math.max(...steady) < 3 * mean],
    ['peak second in the rotation / steady mean', 'under 3', rotationPeak / mean, rotationPeak < 3 * mean],
    // At most one per cool-down for unknown key ids, plus the scheduled ones.
    ['fetches by one replica in the flood', `at most ${most}`, mostInFlood, mostInFlood <= most],
    ['refused valid tokens', 'none', sum(refused), sum(refused) === 0],
  ] as const
  console.log('Targets for @heirloom/verifier:')
  console.table(
    Object.fromEntries(
      rows.map(([what, target, value, met]) => [
        what,
        { target, is: Number(value.toFixed(3)), '': met ? 'met' : 'not met' },
      ]),
    ),
  )
}

const within = (values: Uint32Array, { from, to }: Span) => values.subarray(from, to)
const sum = (values: Uint32Array) => values.reduce((total, one) => total + one, 0)
