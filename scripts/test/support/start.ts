import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, vi } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../../start.ts', import.meta.url))

/** Starts a copy as at a terminal. Returns its output up to `Ready`, or its last line. */
export async function start(env: NodeJS.ProcessEnv): Promise<{ copy: ChildProcess; output: string }> {
  const { PATH, TZ } = process.env
  const copy = spawn(process.execPath, [SCRIPT], { env: { PATH, TZ, ...env } })
  let output = ''
  for (const stream of [copy.stdout, copy.stderr]) stream.on('data', (chunk) => (output += chunk))
  await Promise.race([once(copy, 'close'), vi.waitUntil(() => output.includes('Ctrl-C'), { timeout: 60_000 })])
  return { copy, output }
}

export async function stop(copy: ChildProcess): Promise<number | null> {
  copy.kill('SIGINT')
  return exit(copy)
}

export async function exit(copy: ChildProcess): Promise<number | null> {
  if (copy.exitCode === null && copy.signalCode === null) await once(copy, 'exit')
  return copy.exitCode
}

/** What a shell answers to each of the five lines, one after another. */
export function answersOfLines(output: string): string[] {
  const lines = output.split('\n').filter((line) => line.includes('curl '))
  expect(lines).toHaveLength(5)
  return lines.map((line, index) => {
    const before = lines.slice(0, index).map((earlier) => `{ ${earlier}\n} >/dev/null`)
    return execFileSync('sh', { input: [...before, line].join('\n'), encoding: 'utf8' })
  })
}
