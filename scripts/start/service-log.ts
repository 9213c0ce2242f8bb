import { once } from 'node:events'
import { createWriteStream, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { shownText } from '@heirloom/http-service'

interface ServiceLog extends AsyncDisposable {
  readonly file: string
  readonly take: (line: string) => void
}

/** pino's level for warnings. */
const WARN = 40
/** Characters. */
const LONGEST_REMARK = 2_000

/** Writes all output of a service to a file, and its warnings and errors to the screen. */
export function openServiceLog(dataDir: string, name: string, say: (line: string) => void): ServiceLog {
  const folder = join(dataDir, 'logs')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, `${name}.log`)
  const stream = createWriteStream(file, { mode: 0o600 })
  return {
    file,
    take(line) {
      stream.write(`${line}\n`)
      const remark = remarkable(line)
      if (remark === null) return
      const shown = shownText(remark, LONGEST_REMARK)
      say(shown.startsWith(`${name}: `) ? shown : `${name}: ${shown}`)
    },
    async [Symbol.asyncDispose]() {
      stream.end()
      await once(stream, 'close')
    },
  }
}

function remarkable(line: string): string | null {
  try {
    const { level, msg, err } = JSON.parse(line) as { level: number; msg: string; err?: { message: string } }
    if (level < WARN) return null
    return err && err.message !== msg ? `${msg} (${err.message})` : msg
  } catch {
    return line // not from the logger, such as the error of a process that crashed
  }
}
