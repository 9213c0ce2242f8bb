import { randomBytes, randomInt } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import getPort, { portNumbers } from 'get-port'
import type { Child } from './child.ts'

/** A real store on this machine. It listens on 127.0.0.1 only and requires a password. */
export interface Store extends Child {
  /** With the password. */
  readonly url: string
  readonly port: number
}

export const HOST = '127.0.0.1'

/**
 * A free port below the range of outgoing connections, which could take it before it is used. The search starts at a random
 * port, as other test runs search at the same time.
 */
export function freePort(): Promise<number> {
  const first = randomInt(10_000, 32_000)
  return getPort({ host: HOST, port: portNumbers(first, first + 500) })
}

/**
 * Creates a store's folder if it is missing, and returns its absolute path. No other user may list it. Under root the store runs
 * as another user, who must be able to enter it.
 */
export function openFolder(path: string): string {
  const folder = resolve(path)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, process.getuid?.() === 0 ? 0o711 : 0o700)
  return folder
}

/** The password in the file. The first call creates it. */
export function keptPassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 })
  return readFileSync(file, 'utf8')
}

interface ReadyOptions {
  name: string
  child: Child
  logFile: string
  /** Returns true if it is ready, and false to try again. Throws if it will never be ready. */
  probe: () => Promise<boolean>
}

const READY_TIMEOUT_MS = 60_000

/** Waits until the store answers. If it does not start, stops it and throws with a line of its log. */
export async function untilReady({ name, child, logFile, probe }: ReadyOptions): Promise<void> {
  let stopped = false
  void child.exited.then(() => (stopped = true))
  const deadline = Date.now() + READY_TIMEOUT_MS
  try {
    while (!(await probe())) {
      if (stopped) throw new Error(reason(logFile))
      if (Date.now() > deadline) throw new Error(`no answer in ${READY_TIMEOUT_MS / 1000} s`)
      await sleep(20)
    }
  } catch (error) {
    await child.stop()
    throw new Error(`${name} did not come up: ${(error as Error).message} (its log: ${logFile})`, { cause: error })
  }
}

function reason(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n')
  const telling = lines.findLast((line) => /FATAL|PANIC|# |error|fail/i.test(line))
  return telling ?? lines.at(-1) ?? 'it stopped without a log line'
}
