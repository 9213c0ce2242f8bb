import { userInfo } from 'node:os'
import { pipeline } from 'node:stream/promises'
import { LOG_HOOKS, createMetrics, shownJson } from '@heirloom/http-service'
import { pino } from 'pino'
import { Value } from 'typebox/value'
import { Type } from 'typebox'
import { readConfig } from '../config.ts'
import type { Operation } from '../operations/operation.ts'
import { type AdminParts, actingAs, atCommand } from '../services/admin/admin-parts.ts'
import type { Refusal } from '../services/refusal.ts'
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

export type Door = ReturnType<typeof doorThrough>

type OnStores = <Arguments extends unknown[]>(
  command: (parts: ServerParts & AdminParts, ...args: Arguments) => Promise<Printed>,
) => (...args: Arguments) => Promise<void>

/** Runs commands on the server's stores and prints their results as JSON. */
export function doorOf(env: NodeJS.ProcessEnv): Door {
  return doorThrough((command) => async (...args) => {
    const log = pino({ level: 'warn', hooks: LOG_HOOKS }, pino.destination(2))
    const parts = await wire(readConfig(env), log, createMetrics())
    try {
      const acting = actingAs(parts, atCommand(operator(env)))
      await pipeline(inPieces(await command(acting, ...args)), process.stdout, { end: false })
    } finally {
      await parts.close()
    }
  })
}

/** @param onStores makes the action of a command. */
export function doorThrough(onStores: OnStores) {
  const onCore = <Arguments extends unknown[]>(command: (core: Core, ...args: Arguments) => Promise<Printed>) =>
    onStores(({ core }, ...args: Arguments) => command(core, ...args))
  /** Runs an operation of administration. @param toInput makes its input of the arguments of the command. */
  const onOperation = <Arguments extends unknown[], Input>(
    one: Operation<Input>,
    toInput: (core: Core, ...args: Arguments) => Promise<Input>,
  ) =>
    onStores(async (parts, ...args: Arguments) => {
      const input = await toInput(parts.core, ...args)
      checkInput(one, input)
      const result = await one.run(parts, input)
      if (!result.ok) throw toUsageError(result)
      const { ok: _ok, ...answer } = result
      return answer
    })
  return { onStores, onCore, onOperation }
}

const toUsageError = ({ lines, description }: Refusal) => (lines ? new UsageErrors(lines) : new UsageError(description))

/** The same schemas as those of the call. What is in a body is checked by the service, which says it in more words. */
function checkInput({ params, query }: Operation, input: unknown): void {
  const members = { ...params?.properties, ...query?.properties }
  const [fault] = Value.Errors(Type.Object(members), input)
  if (fault) throw new UsageError(`${fault.instancePath.slice(1).replaceAll('/', ' ')} ${fault.message}`)
}

/** Who runs the command. A container's user may have no name. */
function operator(env: NodeJS.ProcessEnv): string {
  try {
    return env['SUDO_USER'] ?? userInfo().username
  } catch {
    return 'admin'
  }
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
