/**
 * What verifying a token costs a service, compared with a route without verification and with other packages.
 *
 * Method: each contender is a service in its own process, with one route that answers the token's subject. All get the same
 * tokens of one issuer (RS256, 2,048 bits), whose keys they fetch themselves. This process sends the requests over keep-alive
 * connections, pipelined as in Fastify's own benchmarks, so that a server is always busy. The contenders take many short turns,
 * in reversed order every other round. Ratios are made inside a round, and the output is the median of the rounds with the
 * minimum and the maximum. Answers per second are what users see. The CPU time per answer (all threads, by the scheduler)
 * depends less on other programs.
 *
 * The four loads: one token again and again; 5,000 tokens in turn, each seen twice before; tokens that no contender has seen;
 * and the same tokens with one bit of the signature changed, which must be refused with 401.
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { barChart } from '@heirloom/harness/bar-chart'
import { schedulerTimeUs } from '@heirloom/harness/processes'
import { median } from './statistics.ts'
import { type Contender, startContenders } from './verify/contenders.ts'
import { type LoadShape, load, requestWith } from './verify/http-load.ts'
import { forge, startIssuer } from './verify/issuer.ts'
import { measureReplica } from './verify/replica.ts'
import { type Results, printResults, printTargets } from './verify/report.ts'

export interface VerifyOptions extends LoadShape {
  rounds: number
  /** Per contender, round and load. */
  requests: number
  /** A file for the chart. */
  picture?: string
}

const TOKENS_IN_TURN = 5_000
/** Rounds of each load that do not count, while the servers' code is being compiled. */
const WARM_UP_ROUNDS = 4

export async function benchVerify({ rounds, requests: perRound, picture, ...shape }: VerifyOptions): Promise<void> {
  const issuer = await startIssuer()
  const contenders = await startContenders(issuer)
  console.log(`Signing ${TOKENS_IN_TURN + perRound * (rounds + WARM_UP_ROUNDS)} tokens ...`)
  const known = (await issuer.tokens(TOKENS_IN_TURN)).map((token) => requestWith(token))
  const unseen = await issuer.tokens(perRound * (rounds + WARM_UP_ROUNDS))
  const slice = (round: number) => unseen.slice(round * perRound, (round + 1) * perRound)

  const results: Results = { rounds, verificationUs: [], loads: {} }
  const laps = new Map(contenders.map((contender) => [contender, cycle(known)]))
  /** The loads of one row take turns too. Each has the requests of a round and the expected status. */
  const phases = [
    { 'a token seen before': { requests: () => cycle(known.slice(0, 1)), status: 200 } },
    {
      '5,000 tokens in turn': { requests: (_: number, contender: Contender) => laps.get(contender) ?? [], status: 200 },
    },
    {
      'tokens never seen': {
        requests: (round: number) => slice(round).map((token) => requestWith(token)),
        status: 200,
      },
      'forged signatures': {
        requests: (round: number) => slice(round).map((token) => requestWith(forge(token))),
        status: 401,
      },
    },
  ]
  // Send each of these tokens twice: our verifier caches the verdict when a token comes again.
  for (const { port } of contenders) {
    for (let lap = 0; lap < 2; lap++) await load(port, known.values(), known.length, 200, shape)
  }
  for (const phase of phases) {
    for (let round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
      const counts = round >= WARM_UP_ROUNDS
      if (counts) results.verificationUs.push(await verificationCpuUs())
      for (const contender of round % 2 ? contenders : contenders.toReversed()) {
        for (const [name, { requests, status }] of Object.entries(phase)) {
          const right = contender.name === 'bare Fastify route' ? 200 : status
          const before = schedulerTimeUs(contender.pid)
          const sent = requests(round, contender)[Symbol.iterator]()
          const seconds = await load(contender.port, sent, perRound, right, shape)
          const cpuUs = (schedulerTimeUs(contender.pid) - before) / perRound
          if (!counts) continue
          const measured = ((results.loads[name] ??= {})[contender.name] ??= { rates: [], cpuUs: [] })
          measured.rates.push(perRound / seconds)
          measured.cpuUs.push(cpuUs)
        }
      }
    }
    console.log(`Measured: ${Object.keys(phase).join(', ')}`)
  }
  for (const { stop } of contenders) stop()

  printResults(results)
  printTargets(results)
  await measureReplica(issuer, unseen.slice(0, 10_000), shape)
  issuer.stop()
  if (picture === undefined) return
  const bars = Object.entries(results.loads).flatMap(([group, measured]) =>
    Object.entries(measured).map(([label, { rates }]) => ({
      group,
      label,
      value: median(rates),
      text: `${Math.round(median(rates)).toLocaleString('en')}/s`,
      ours: label.startsWith('@heirloom'),
    })),
  )
  writeFileSync(picture, barChart('Requests verified per second, one service process', bars))
  console.log(`Chart written to ${picture}`)
}

function* cycle<T>(items: readonly T[]): Generator<T> {
  for (;;) yield* items
}

/** CPU time of one verification, in microseconds, in a fresh process of the same Node. */
async function verificationCpuUs(): Promise<number> {
  const script = fileURLToPath(new URL('./peers/verification.ts', import.meta.url))
  return Number(await text(spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout))
}
