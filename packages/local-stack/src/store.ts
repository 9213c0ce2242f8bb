import { randomBytes, randomInt } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import getPort, { portNumbers } from 'get-port'
import type { Child } from './child.ts'

/** A real store on this machine: listens on 127.0.0.1 only, and wants a password. */
export interface Store extends Child {
  /** With the password. */
  readonly url: string
  readonly port: number
}

export const HOST = '127.0.0.1'

/**
 * Below the ports that systems give to outgoing connections, as one of those could take it before it is used; and from
 * a random one on, as other test runs look for theirs at the same time.
 */
export function freePort(): Promise<number> {
  const first = randomInt(10_000, 32_000)
  return getPort({ host: HOST, port: portNumbers(first, first + 500) })
}

/**
 * Makes a store's folder if it is missing, and answers its whole path. Nobody else may list it. If root runs this, the
 * store runs as another user, who has to go through it.
 */
export function openFolder(path: string): string {
  const folder = resolve(path)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, process.getuid?.() === 0 ? 0o711 : 0o700)
  return folder
}

/** The password in the file, made at the first call. */
export function keptPassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 })
  return readFileSync(file, 'utf8')
}

interface ReadyOptions {
  name: string
  child: Child
  logFile: string
  /** True when ready, false when it is worth asking again; throws when it is not. */
  probe: () => Promise<boolean>
}

const READY_TIMEOUT_MS = 60_000

/** Waits until the store answers. When it does not come up, stops it and says why, from the end of its log. */
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
  return telling ?? lines.at(-1) ?? 'it stopped without a word'
}
