// Runs a command once everything that it needs is there: `node scripts/ready.mjs COMMAND ARGUMENT...`. This is what a
// fresh clone runs first, under whatever Node the machine has, so it uses nothing that has to be installed.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'node_modules', '.bin')
const WANTED = 'package-lock.json'
const INSTALLED = 'node_modules/.package-lock.json'

checkMachine()
if (!isInstalled()) install()
build()
handOver()

function checkMachine() {
  if (process.platform === 'win32') fail('Heirloom runs on Linux and macOS; on Windows, in WSL.')
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(`Heirloom needs Node 20.19 or newer to install itself; this is ${process.version}.`)
}

/** npm leaves a lock file of its own among what it has installed. Where the dates do not tell, the contents do. */
function isInstalled() {
  if (changedAt(INSTALLED) > changedAt(WANTED)) return true
  const wanted = readPackages(WANTED)
  const installed = readPackages(INSTALLED)
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === '' || installed[path]?.version === version || (optional && !installed[path]),
  )
}

function changedAt(file) {
  return statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch {
    return {}
  }
}

function install() {
  say('Installing what is missing (npm ci) ...')
  const path = process.env.PATH.split(delimiter).filter((folder) => folder !== bin)
  const env = {
    ...process.env,
    // npm must not run under the Node that it is about to replace.
    PATH: path.join(delimiter),
    // An older npm runs Prisma's install script, which downloads an engine; naming any file as that engine prevents it.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
  }
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { env, stdio: ['ignore', 2, 2] })
}

/** What is up to date comes from turbo's cache, and the output is shown only if there is something to see. */
function build() {
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, TURBO_TELEMETRY_DISABLED: '1' }
  run('turbo', ['run', 'build', '--output-logs=errors-only'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

function run(command, args, options) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: root, ...options })
  if (status === 0) return
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`)
  fail(`${command} ${args[0]} failed${error ? `: ${error.message}` : ''}.`)
}

function handOver() {
  const [command, ...args] = process.argv.slice(2)
  // With this folder first on the PATH, `node` is the Node that Heirloom is written for.
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }
  const child = spawn(command, args, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
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
