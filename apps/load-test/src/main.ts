// npm run load: see `npm run load -- --help`.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  type LoadOptions,
  type RevocationOptions,
  type SharedTokenOptions,
  type TradeOffOptions,
  commandLine,
} from './arguments.ts'
import { curvePicture } from './report/curve-section.ts'
import { type Report, writePage } from './report/page.ts'
import { revocationPicture } from './report/revocation-section.ts'
import { tradeOffPicture } from './report/trade-off-section.ts'
import { runCurve } from './run-curve.ts'
import { runLoad } from './run-load.ts'
import { runRevocation } from './run-revocation.ts'
import { runSharedToken } from './run-shared-token.ts'
import { runTradeOff } from './run-trade-off.ts'
import {
  summaryOfCurve,
  summaryOfRevocation,
  summaryOfRun,
  summaryOfSharedToken,
  summaryOfTradeOff,
} from './view/summary.ts'

const say = (line: string) => void process.stderr.write(`${line}\n`)

async function run(options: LoadOptions): Promise<void> {
  if (options.replicas.length > 1) {
    const levels = await runCurve(options, say)
    const broken = levels.flatMap(({ run: { title, broken: sentences } }) => sentences.map((one) => `${title}: ${one}`))
    if (options.picture) writeFileSync(options.picture, curvePicture(levels))
    return end(summaryOfCurve(levels), options.report, { levels, broken })
  }
  const result = await runLoad(options, say)
  end(summaryOfRun(result), options.report, { runs: [result], broken: result.broken })
}

async function tradeOff(options: TradeOffOptions): Promise<void> {
  const measured = await runTradeOff(options, say)
  if (options.picture) writeFileSync(options.picture, tradeOffPicture(measured))
  end(summaryOfTradeOff(measured), options.report, { tradeOff: measured, broken: [] })
}

async function revocation(options: RevocationOptions): Promise<void> {
  const revocations = await runRevocation(options, say)
  if (options.picture) writeFileSync(options.picture, revocationPicture(revocations))
  end(summaryOfRevocation(revocations), options.report, { revocations, broken: [] })
}

async function sharedToken(options: SharedTokenOptions): Promise<void> {
  const point = await runSharedToken(options, say)
  const { refused, logins } = point
  const broken = refused + logins > 0 ? [`${refused} refreshes were refused, and ${logins} logins were needed.`] : []
  end(summaryOfSharedToken(point), options.report, { sharedToken: point, broken })
}

function end(summary: string, file: string, report: Report): void {
  console.log(summary)
  writePage(file, report)
  say(`Report: ${resolve(file)}`)
  for (const sentence of report.broken) say(sentence)
  if (report.broken.length > 0) process.exitCode = 1
}

try {
  await commandLine({ run, tradeOff, revocation, sharedToken }).parseAsync()
} catch (error) {
  say(`load: ${(error as Error).message}`)
  // Engine threads may still run.
  process.exit(1)
}
