import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

/** Starts the admin command with this environment. */
export function startAdmin(env: Record<string, string>, input: string, ...args: string[]) {
  const child = spawn(process.execPath, ['apps/auth-server/src/admin.ts', ...args], {
    env: { PATH: process.env['PATH'], TZ: process.env['TZ'], ...env },
    stdio: 'pipe',
  })
  child.stdin.end(input)
  return child
}

/** Runs it to its end. `answer` is what it printed, parsed if it is JSON. */
export async function runAdmin(env: Record<string, string>, input: string, ...args: string[]) {
  const child = startAdmin(env, input, ...args)
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ])
  return { code, stderr, stdout, answer: stdout.startsWith('{') ? JSON.parse(stdout) : null }
}
