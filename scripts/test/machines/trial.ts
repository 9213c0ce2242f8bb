import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'

/** How a user begins: a fresh clone, a machine and settings. */
export interface Machine {
  /** The clone. */
  folder: string
  /** The user's variables, besides PATH and HOME. Undefined removes one. */
  env: NodeJS.Dict<string>
  /** A prefix of each command, such as chroot. */
  prefix?: readonly string[]
  /** The path of the folder for commands, if it differs. */
  seenAs?: string
}

/** The longest time for an installation and a start, on a busy machine. */
const STARTS_WITHIN_MS = 600_000
const STOPS_WITHIN_MS = 60_000
const POLL_MS = 100
const STARTED = 'Ctrl-C stops all of it'

/** The expected answer of each of the five lines. */
const ANSWERS = [
  /"access_token":"ey/,
  /"roles":\["editor"\]/,
  /"refresh_token":"hrt_/,
  /^204$/m,
  /"error":"invalid_grant"/,
]

/** Follows the README. Returns "works", or the last line of output, which says what is missing or wrong. */
export async function tryReadme(machine: Machine): Promise<string> {
  const { folder, prefix = [], seenAs = folder } = machine
  const env = { ...process.env, ...machine.env }
  const [command, ...args] = [...prefix, 'sh', '-c', 'cd "$0" && exec npm start', seenAs]
  const copy = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...at(folder) })
  let output = ''
  for (const stream of [copy.stdout, copy.stderr]) stream.on('data', (chunk) => (output += chunk))
  const ended = once(copy, 'close')
  try {
    const deadline = Date.now() + STARTS_WITHIN_MS
    while (!output.includes(STARTED)) {
      if (copy.exitCode !== null || Date.now() > deadline) return lastLine(output)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    return firstWrongAnswer(output, env) ?? 'works'
  } finally {
    if (copy.exitCode === null && copy.pid !== undefined) {
      // Like Ctrl-C: to npm and to everything that it runs.
      process.kill(-copy.pid, 'SIGINT')
      const timer = setTimeout(() => process.kill(-Number(copy.pid), 'SIGKILL'), STOPS_WITHIN_MS)
      await ended
      clearTimeout(timer)
    }
  }
}

const at = (folder: string) => (existsSync(folder) ? { cwd: folder } : {})

/** Runs the printed lines one after another in one shell, with the user's settings. */
function firstWrongAnswer(output: string, env: NodeJS.ProcessEnv): string | null {
  const lines = output.split('\n').filter((line) => /curl -s|^export /.test(line))
  const script = lines.map((line) => (line.startsWith('export') ? line : `${line}\necho; echo ----`)).join('\n')
  const { stdout } = spawnSync('sh', { input: script, encoding: 'utf8', env })
  const answers = stdout.split('----\n')
  const wrong = ANSWERS.findIndex((expected, i) => !expected.test(answers[i] ?? ''))
  return wrong === -1 ? null : `line ${wrong + 1} answers ${answers[wrong]?.trim() || 'nothing'}`
}

const lastLine = (output: string): string => output.trim().split('\n').at(-1) ?? 'nothing was said'
