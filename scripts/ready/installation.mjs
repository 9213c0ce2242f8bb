// Checks whether the installation is complete, and completes it. Runs before anything is installed.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npmCi } from './npm-ci.mjs'
import { faultOfPrograms } from './programs.mjs'

const WANTED = 'package-lock.json'
/** npm writes this file last, so an interrupted installation does not have it. */
const INSTALLED = 'node_modules/.package-lock.json'
/** Records that the programs of exactly this installation ran here. npm removes it when it installs again. */
const MARK = 'node_modules/.heirloom-ran'

/** Installs what is missing. Throws, with one line, if something is missing afterwards. */
export function ensureInstalled(root, say) {
  const install = () => {
    say('Installing what is missing (npm ci) ...')
    npmCi(root)
    const absent = absentPart(root)
    if (absent) throw new Error(`npm ci left out ${absent}. To see why: npm ci --loglevel=verbose`)
  }
  const isNew = absentPart(root) !== null
  if (isNew) install()
  if (read(root, MARK) === fingerprint(root)) return
  let fault = faultOfPrograms(root)
  if (fault && !fault.isOfMachine && !isNew) {
    install()
    fault = faultOfPrograms(root)
  }
  if (fault) throw new Error(fault.message)
  writeFileSync(join(root, MARK), fingerprint(root))
}

/** The first package in the lock file that is not installed, or null. */
function absentPart(root) {
  const wanted = packagesIn(root, WANTED)
  const installed = packagesIn(root, INSTALLED)
  const absent = Object.entries(wanted).find(([path, { version, optional, link, ...limits }]) => {
    if (path === '' || (optional && !isForThisMachine(limits))) return false
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) return false // a workspace
    if (!link && installed[path]?.version !== version) return true
    return !existsSync(join(root, path, 'package.json'))
  })
  return absent?.[0] ?? null
}

/** Whether an optional package must be installed: only if it is made for this kind of machine. Its dependencies are optional too. */
function isForThisMachine({ os, cpu, libc }) {
  const names = (list, value) => [list].flat().includes(value)
  return names(os, process.platform) && names(cpu, process.arch) && (!libc || names(libc, 'glibc'))
}

function packagesIn(root, file) {
  try {
    return JSON.parse(read(root, file)).packages
  } catch {
    return {}
  }
}

const fingerprint = (root) =>
  createHash('sha256')
    .update(`${process.platform}-${process.arch}\n${read(root, WANTED)}\n${read(root, INSTALLED)}`)
    .digest('hex')

function read(root, file) {
  try {
    return readFileSync(join(root, file), 'utf8')
  } catch {
    return ''
  }
}
