import { clearScreenDown, moveCursor } from 'node:readline'
import type { Second } from '../measure/recorder.ts'
import { integer, milliseconds, percent } from '@heirloom/harness/numbers'

const BLOCKS = '▁▂▃▄▅▆▇█'
/** Characters. */
const COLUMN = 24
const [HISTORY, LINE_EVERY_SECONDS, REPLICAS_SHOWN] = [60, 5, 12]

/** The run as it happens: redrawn each second on a terminal, else one line every few seconds. */
export class LiveView {
  readonly #out = process.stderr
  readonly #title: string
  readonly #durationMs: number
  readonly #nameOf: (server: string) => string
  readonly #calls: number[] = []
  readonly #events: string[] = []
  #failed = 0
  #lines = 0

  constructor(title: string, durationMs: number, nameOf: (server: string) => string) {
    this.#title = title
    this.#durationMs = durationMs
    this.#nameOf = nameOf
  }

  event(what: string): void {
    this.#events.push(what)
  }

  second(second: Second): void {
    this.#failed += second.failed
    this.#calls.push(second.calls)
    if (this.#out.isTTY) return this.#draw(second)
    if (Math.round(second.at) % LINE_EVERY_SECONDS === 0) {
      this.#out.write(
        `${Math.round(second.at)} s: ${rates(second)}; ${latencies(second)}, ${integer(this.#failed)} failed so far\n`,
      )
    }
  }

  #draw(second: Second): void {
    const most = Math.max(1, ...this.#calls)
    const curve = this.#calls
      .slice(-HISTORY)
      .map((calls) => BLOCKS[Math.round((calls / most) * (BLOCKS.length - 1))])
      .join('')
    const replicas = Object.entries(second.servers)
      .filter(([server]) => server !== '')
      .map(([server, calls]) => `${this.#nameOf(server)} ${integer(calls)}/s`)
      .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    const more = replicas.length - REPLICAS_SHOWN
    const lines = [
      `${this.#title}, ${Math.round(second.at)} s of ${Math.round(this.#durationMs / 1000)} s`,
      rates(second),
      latencies(second),
      `${curve} calls`,
      `${integer(this.#failed)} failed so far, engine ${percent(second.engineBusy)} busy`,
      ...inColumns(replicas.slice(0, REPLICAS_SHOWN), this.#out.columns - 1),
      ...(more > 0 ? [`and ${more} more`] : []),
      ...this.#events.slice(-3),
    ]
    if (this.#lines > 0) moveCursor(this.#out, 0, -this.#lines)
    clearScreenDown(this.#out)
    this.#out.write(`${lines.map((line) => line.slice(0, this.#out.columns - 1)).join('\n')}\n`)
    this.#lines = lines.length
  }
}

const rates = ({ calls, authCalls }: Second) => `${integer(calls)} calls/s, ${integer(authCalls)}/s to the auth servers`

const latencies = ({ p50, p99, worst }: Second) =>
  `p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}, worst ${milliseconds(worst)}`

function inColumns(items: string[], width: number): string[] {
  const abreast = Math.max(1, Math.floor(width / COLUMN))
  const lines: string[] = []
  for (let i = 0; i < items.length; i += abreast) {
    lines.push(
      items
        .slice(i, i + abreast)
        .map((item) => item.padEnd(COLUMN))
        .join('')
        .trimEnd(),
    )
  }
  return lines
}
