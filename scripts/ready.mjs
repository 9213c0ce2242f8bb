// Installs and builds what a command needs, then runs it: `node scripts/ready.mjs COMMAND ARGUMENT...`. A fresh clone runs
// this first, under the machine's own Node, so it uses nothing that has to be installed.
import { spawn, spawnSync } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureInstalled } from './ready/installation.mjs'
import { environmentOfCommand } from './ready/environment.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'node_modules', '.bin')
const env = {
  // A server or an admin command spends a third of its start on compiling what has not changed.
  NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node'),
  ...process.env,
  // With this folder first on the PATH, `node` is the Node that Heirloom is written for.
  PATH: `${bin}${delimiter}${process.env.PATH}`,
}

checkMachine()
try {
  ensureInstalled(root, say)
} catch (error) {
  fail(error.message)
}
build()
handOver()

function checkMachine() {
  if (process.platform === 'win32') fail('Heirloom runs on Linux and macOS; on Windows, in WSL.')
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(`Heirloom needs Node 20.19 or newer to install itself; this is ${process.version}.`)
}

/** Turbo's cache has what is up to date. The output is shown only if the build fails. */
function build() {
  const { status, error, stdout, stderr } = spawnSync('turbo', ['run', 'build', '--output-logs=errors-only'], {
    cwd: root,
    env: { ...env, TURBO_TELEMETRY_DISABLED: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  })
  if (status === 0) return
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`)
  fail(`turbo run failed${error ? `: ${error.message}` : ''}.`)
}

function handOver() {
  const [command, ...args] = process.argv.slice(2)
  // Before the command starts: someone may react to its output with a signal before the next line here has run.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  const child = spawn(command, args, { stdio: 'inherit', env: environmentOfCommand(env) })
  child.on('error', (error) => fail(error.message))
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code))
}

function say(line) {
  process.stderr.write(`${line}\n`)
}

function fail(line) {
  say(line)
  process.exit(1)
}
