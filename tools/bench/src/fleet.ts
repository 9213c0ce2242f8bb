/**
 * How often a fleet of resource services asks for the issuer's keys, and whether it ever refuses a valid token for want of
 * them: through a deployment, the steady state, a rotation, two outages of the issuer and a flood of made-up key ids.
 *
 * Method: every replica is a key set of `@heirloom/verifier` itself, the code that runs in production, on a clock, timers and
 * a `fetch` of this program, so four hours of ten thousand replicas take a minute or two. Each replica gets one
 * request with a valid token a second. Beside it the same fleet is run by the rules of jose and get-jwks, which fetch when
 * a request needs it; test/fleet.test.ts holds those rules against the real libraries.
 */
import { writeFileSync } from 'node:fs'
import { integer } from '@heirloom/harness/numbers'
import { picture as drawn } from '@heirloom/harness/chart'
import { type MakeClient, getJwksRules, heirloom, joseRules } from './fleet/clients.ts'
import { MAX_AGE_SECONDS } from './fleet/endpoint.ts'
import { type Outcome, simulate } from './fleet/simulate.ts'
import { STORY } from './fleet/story.ts'

export interface FleetOptions {
  replicas: number
  /** A file for the picture. */
  picture?: string
}

const FLEETS: readonly { label: string; makeClient: MakeClient }[] = [
  { label: '@heirloom/verifier', makeClient: heirloom },
  { label: 'jose', makeClient: joseRules },
  { label: 'get-jwks', makeClient: getJwksRules },
]

/** Seconds in a point of a line, which shows the most of them. */
const POINT = 10

interface Span {
  from: number
  to: number
}

export async function benchFleet({ replicas, picture }: FleetOptions): Promise<void> {
  const outcomes: Record<string, Outcome> = {}
  for (const { label, makeClient } of FLEETS) {
    console.log(`${replicas.toLocaleString('en')} replicas, ${STORY.end / 60} minutes, as ${label} ...`)
    outcomes[label] = await simulate(makeClient, replicas)
  }
  console.log('\nFetches of the whole fleet:')
  console.table(perFleet(outcomes, (outcome) => fetches(outcome, replicas)))
  console.log('Requests with a valid token that were refused:')
  console.table(perFleet(outcomes, ({ refused }) => refusals(refused, replicas)))
  const ours = outcomes[FLEETS[0]?.label ?? '']
  if (ours) printTargets(ours, replicas)
  if (picture === undefined) return
  const phases = [
    { label: 'key published', from: STORY.rotation.published, to: STORY.rotation.signs },
    { label: 'it signs', from: STORY.rotation.signs, to: STORY.rotation.withdrawn },
    { label: 'issuer away', ...STORY.outage },
    { label: 'forged key ids', ...STORY.flood },
    { label: 'issuer away for an hour', ...STORY.longOutage },
  ]
  const svg = drawn({
    title: `Fetches of the issuer's keys by ${integer(replicas)} replicas`,
    width: 1_000,
    x: { label: 'minutes', scale: 'linear', tight: true },
    y: { label: `a second, the most of each ${POINT} s`, scale: 'log', format: integer },
    series: FLEETS.map(({ label }) => ({ name: label, style: 'line', points: highest(outcomes[label]?.perSecond) })),
    spans: phases.map(({ label, from, to }) => ({ label, from: from / 60, to: to / 60 })),
  })
  writeFileSync(picture, svg)
  console.log(`Drawn: ${picture}`)
}

/** On a logarithmic scale none is drawn as one. */
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
    'steady, a second': Number((sum(steady) / steady.length).toFixed(1)),
    'a replica, in 300 s': Number((sum(steady) / replicas / lifetimes).toFixed(3)),
    'steady, peak': Math.max(...steady),
    'rotation, peak': Math.max(...within(perSecond, STORY.rotation)),
    'outage, peak': Math.max(...within(perSecond, STORY.outage)),
    'issuer back, peak': Math.max(...within(perSecond, STORY.recovery)),
    'flood, peak': Math.max(...within(perSecond, STORY.flood)),
    'flood, most of a replica': mostInFlood,
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
    'all, in number': sum(refused),
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
    // Each copy is replaced in its last hundredth.
    ['fetches of a replica per lifetime, steady', 'at most 1, to a hundredth', perLifetime, perLifetime <= 1.01],
    ['peak second over the mean, steady', 'under 3', Math.max(...steady) / mean, Math.max(...steady) < 3 * mean],
    ['peak second over the steady mean, rotation', 'under 3', rotationPeak / mean, rotationPeak < 3 * mean],
    // At most one a cool-down for unknown key ids, and what is scheduled anyway.
    ['fetches of one replica in the flood', `at most ${most}`, mostInFlood, mostInFlood <= most],
    ['valid tokens refused', 'none', sum(refused), sum(refused) === 0],
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
