import { median, spread } from '../statistics.ts'
import type { ContenderName } from './contenders.ts'

interface Measured {
  /** Answers per second, one per round. */
  rates: number[]
  /** The server's CPU time per answer, in microseconds. */
  cpuUs: number[]
}

export interface Results {
  rounds: number
  verificationUs: number[]
  /** By load and contender. */
  loads: Record<string, Record<string, Measured>>
}

const BARE: ContenderName = 'bare Fastify route'
const OURS: ContenderName = '@heirloom/verifier, Fastify'
/** The lower bound for tokens never seen: it shows what a verification costs between requests, and not in a loop. */
const SIGNATURE_ONLY: ContenderName = 'bare route, signature verified'
/** As close to it as a check of a token can come that reads the token as well. */
const LEAST_CHECK: ContenderName = 'bare route, least that is a check'
const OFF: ContenderName = '@heirloom/verifier, Fastify, no status list'
const SEEN = 'a token seen before'
const NEW = 'tokens never seen'
const FORGED = 'forged signatures'

export function printResults({ rounds, verificationUs, loads }: Results): void {
  console.log(
    `\nOne RSA-2048 verification: ${median(verificationUs).toFixed(1)} µs of CPU. Medians of ${rounds} rounds.`,
  )
  for (const [load, contenders] of Object.entries(loads)) {
    console.log(`\n${load}`)
    const bare = contenders[BARE]
    console.table(
      Object.fromEntries(
        Object.entries(contenders).map(([name, { rates, cpuUs }]) => [
          name,
          {
            'requests/s': Math.round(median(rates)),
            'min to max': `${Math.round(Math.min(...rates))} to ${Math.round(Math.max(...rates))}`,
            'CPU µs per request': Number(median(cpuUs).toFixed(1)),
            'rate / bare route': spread(rates.map((rate, i) => rate / (bare?.rates[i] ?? Number.NaN))),
          },
        ]),
      ),
    )
  }
}

/** The promised ratios, by throughput and by CPU time: the rounds, and whether their median meets the target. */
export function printTargets({ loads, verificationUs }: Results): void {
  const of = (load: string, name: ContenderName): Measured => loads[load]?.[name] ?? { rates: [], cpuUs: [] }
  const perCore = ({ cpuUs }: Measured) => cpuUs.map((us) => 1e6 / us)
  const verifications = median(verificationUs)
  const rows: Record<string, object> = {}
  const target = (
    what: string,
    least: number | undefined,
    ours: Measured,
    other: Measured,
    withVerification = false,
  ) => {
    const ratios = (mine: number[], theirs: number[]) =>
      mine.map((rate, i) => rate * (1 / (theirs[i] ?? Number.NaN) + (withVerification ? verifications / 1e6 : 0)))
    const verdict = (values: number[]) =>
      least === undefined ? spread(values) : `${spread(values)}, ${median(values) >= least ? 'met' : 'not met'}`
    rows[what] = {
      'at least': least ?? '',
      'by throughput': verdict(ratios(ours.rates, other.rates)),
      'by CPU time': verdict(ratios(perCore(ours), perCore(other))),
    }
  }
  target('seen before / bare route', 0.9, of(SEEN, OURS), of(SEEN, BARE))
  target('seen before, without status lists / with them', undefined, of(SEEN, OFF), of(SEEN, OURS))
  target('never seen / bare route plus one verification', 0.75, of(NEW, OURS), of(NEW, BARE), true)
  target('never seen / bare route that verifies once', 0.9, of(NEW, OURS), of(NEW, SIGNATURE_ONLY))
  target('never seen, without status lists / the same', undefined, of(NEW, OFF), of(NEW, SIGNATURE_ONLY))
  target('never seen, least that is a check / the same', undefined, of(NEW, LEAST_CHECK), of(NEW, SIGNATURE_ONLY))
  target('forged refused / genuine accepted', 1, of(FORGED, OURS), of(NEW, OURS))
  for (const peer of ['@fastify/jwt + get-jwks', 'express-oauth2-jwt-bearer'] as const) {
    target(`seen before / ${peer}`, 5, of(SEEN, OURS), of(SEEN, peer))
    target(`never seen / ${peer}`, 2.5, of(NEW, OURS), of(NEW, peer))
  }
  console.log('\nTargets: the median ratio of the rounds (minimum to maximum)')
  console.table(rows)
}
