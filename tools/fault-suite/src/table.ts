import { INVARIANTS } from './ledger.ts'
import { type Outcome, isHeld, isLate } from './run-fault.ts'

const HEAD = ['fault', 'requests', 'errors that clients saw', 'slowest', 'recovered', 'rate', ...INVARIANTS.map(String)]

/** One row per fault, in Markdown. */
export function table(outcomes: readonly Outcome[]): string {
  const rows = [HEAD, ...outcomes.map(row)]
  const widths = HEAD.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0), 3))
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  const [head, ...body] = rows.map(line)
  return [head, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body].join('\n')
}

function row(outcome: Outcome): string[] {
  const { name, requests, errors, slowestMs, broken } = outcome
  const seen = [...errors].map(([error, count]) => `${count} × ${error}`).join(', ')
  return [
    name,
    String(requests),
    seen || 'none',
    `${seconds(slowestMs)}${isLate(outcome) ? ' LATE' : ''}`,
    outcome.recoveredMs === null ? 'NEVER' : seconds(outcome.recoveredMs),
    rate(outcome),
    ...INVARIANTS.map((invariant) => (broken.has(invariant) ? 'BROKEN' : 'held')),
  ]
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
const rate = ({ duringRate, normalRate }: Outcome) => (duringRate / normalRate).toFixed(2)

/** One line about a fault that is over. */
export function inShort(outcome: Outcome): string {
  const { requests, recoveredMs } = outcome
  const back = recoveredMs === null ? 'did not recover' : `recovered in ${seconds(recoveredMs)}`
  return `  ${requests} requests, rate ${rate(outcome)}, ${back}: ${isHeld(outcome) ? 'held' : 'BROKEN'}`
}

/** One line for each way in which a promise was broken. */
export function details(outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap((outcome) => [
    ...[...outcome.broken].flatMap(([invariant, ways]) =>
      [...new Set(ways)].map(
        (how) =>
          `${outcome.name}: invariant ${invariant} was broken: ${how} (${ways.filter((one) => one === how).length} ×)`,
      ),
    ),
    ...(isLate(outcome) ? [`${outcome.name}: an answer took ${seconds(outcome.slowestMs)}`] : []),
    ...(outcome.recoveredMs === null ? [`${outcome.name}: refreshes did not reach their normal rate again`] : []),
  ])
}
