import { isUtf8 } from 'node:buffer'
import { once } from 'node:events'
import { createReadStream, statSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { shownText } from '@heirloom/http-service'
import type { Command } from 'commander'
import { type Imported, type Line, importUsers } from '../services/accounts/import-users.ts'
import { type Door, UsageError } from './door.ts'

const MAX_LINE_BYTES = 65_536
const LINE_FEED = 10
/** Characters. */
const [BAR, LONGEST_FAULT] = [30, 500]
const DRAWN_EVERY_MS = 200
/** A collection takes about 50 ms. */
const BATCHES_BETWEEN_COLLECTIONS = 4

export function importCommand(user: Command, { onCore }: Door): void {
  user
    .command('import <file>')
    .description('imports users with their password hashes from a file of JSON lines, or from - for standard input')
    .action(
      onCore(async (core, file: string) => {
        const source = openFile(file)
        const draw = progressBar(source.size, () => source.bytesRead)
        const collect = garbageCollector()
        const result = await importUsers(
          core,
          linesOf(source.stream),
          (line, fault) => printFault(`line ${line}: ${fault}`),
          (soFar) => {
            draw(soFar)
            collect()
          },
        )
        draw(result, true)
        if (result.refused > 0) process.exitCode = 1
        return result
      }),
    )
}

function openFile(file: string) {
  if (file === '-') return counted(process.stdin, null)
  try {
    const { size } = statSync(file)
    return counted(createReadStream(file, { highWaterMark: MAX_LINE_BYTES }), size)
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as Error).message}`)
  }
}

function counted(input: AsyncIterable<Buffer>, size: number | null) {
  const source = { size, bytesRead: 0, stream: read() }
  async function* read() {
    for await (const chunk of input) {
      source.bytesRead += chunk.length
      yield chunk
    }
  }
  return source
}

/** The lines of a file. No more of it is in memory than a line and what was read at once. */
async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let number = 0
  let rest = Buffer.alloc(0)
  let isTooLong = false
  const line = (bytes: Buffer): Line => {
    const isGood = !isTooLong && bytes.length <= MAX_LINE_BYTES && isUtf8(bytes)
    isTooLong = false
    return { number: ++number, text: isGood ? withoutMark(bytes.toString('utf8')) : null }
  }
  for await (const chunk of stream) {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      yield line(Buffer.concat([rest, chunk.subarray(start, end)]))
      rest = Buffer.alloc(0)
      start = end + 1
    }
    rest = Buffer.concat([rest, chunk.subarray(start)])
    if (rest.length <= MAX_LINE_BYTES) continue
    isTooLong = true
    rest = Buffer.alloc(0)
  }
  if (rest.length > 0 || isTooLong) yield line(rest)
}

/** Some programs begin a file with a byte order mark. */
const withoutMark = (text: string) => text.replace(/^\ufeff/, '')

/**
 * Collects garbage now and then. What a batch leaves survives into V8's old generation, which V8 lets grow to hundreds of MB on a
 * large machine before it looks at it.
 */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  let batches = 0
  return () => {
    if (++batches % BATCHES_BETWEEN_COLLECTIONS === 0) gc()
  }
}

/** Waits if the reader of the faults is slower than the import. */
async function printFault(fault: string): Promise<void> {
  const isRoom = process.stderr.write(
    `${process.stderr.isTTY ? '\r\u001b[K' : ''}admin: ${shownText(fault, LONGEST_FAULT)}\n`,
  )
  if (!isRoom) await once(process.stderr, 'drain')
}

/** Draws on a terminal, and nowhere else. */
function progressBar(size: number | null, bytesRead: () => number) {
  const out = process.stderr
  const beganAt = Date.now()
  let drawnAt = 0
  return ({ imported, imported_before: before, refused }: Imported, isLast = false): void => {
    const now = Date.now()
    if (!out.isTTY || (!isLast && now - drawnAt < DRAWN_EVERY_MS)) return
    drawnAt = now
    const done = size ? Math.min(1, bytesRead() / size) : 1
    const bar = '█'.repeat(Math.round(done * BAR)).padEnd(BAR, '░')
    const rate = Math.round((imported + before + refused) / Math.max(0.001, (now - beganAt) / 1000))
    const counts = `${imported} imported, ${before} before, ${refused} refused, ${rate}/s`
    out.write(`\r\u001b[K${bar} ${size ? `${Math.floor(done * 100)} %, ` : ''}${counts}${isLast ? '\n' : ''}`)
  }
}
