import { pipeline } from 'node:stream/promises'
import { LOG_HOOKS, createMetrics, shownJson } from '@heirloom/http-service'
import { pino } from 'pino'
import { readConfig } from '../config.ts'
import type { Core } from '../services/core.ts'
import { type ServerParts, wire } from '../wiring.ts'

/** The operator made a mistake. The message is one line. */
export class UsageError extends Error {}

/** The operator made mistakes, a line each. */
export class UsageErrors extends Error {
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

/** What a command prints: an object as JSON, a text as it is. */
type Printed = object | string | null

export type Door = ReturnType<typeof doorOf>

/** Runs commands on the server's stores and prints their results as JSON. */
export function doorOf(env: NodeJS.ProcessEnv) {
  const onStores =
    <Arguments extends unknown[]>(command: (parts: ServerParts, ...args: Arguments) => Promise<Printed>) =>
    async (...args: Arguments) => {
      const log = pino({ level: 'warn', hooks: LOG_HOOKS }, pino.destination(2))
      const parts = await wire(readConfig(env), log, createMetrics())
      try {
        await pipeline(inPieces(await command(parts, ...args)), process.stdout, { end: false })
      } finally {
        await parts.close()
      }
    }
  const onCore = <Arguments extends unknown[]>(command: (core: Core, ...args: Arguments) => Promise<Printed>) =>
    onStores(({ core }, ...args: Arguments) => command(core, ...args))
  return { onStores, onCore }
}

/** One JSON document. If its only member is an async iterable, that is written as an array, item by item, however long it is. */
async function* inPieces(answer: Printed): AsyncGenerator<string> {
  if (typeof answer === 'string') return yield shownJson(answer)
  const [first] = Object.entries(answer ?? {})
  if (!first || !isAsyncIterable(first[1])) return yield `${shownJson(JSON.stringify(answer, null, 2))}\n`
  yield `{\n  ${JSON.stringify(first[0])}: [`
  let separator = '\n'
  for await (const item of first[1]) {
    yield separator + shownJson(JSON.stringify(item, null, 2)).replaceAll(/^/gm, '    ')
    separator = ',\n'
  }
  yield separator === '\n' ? ']\n}\n' : '\n  ]\n}\n'
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value
