// What npm has installed, whether it is whole, and how it becomes so. Runs before anything is installed.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npmCi } from './npm-ci.mjs'
import { faultOfPrograms } from './programs.mjs'

const WANTED = 'package-lock.json'
/** npm writes it as the last thing of all, so an interrupted installation has none. */
const INSTALLED = 'node_modules/.package-lock.json'
/** Says that the programs of exactly this installation ran here. npm removes it with all the rest when it begins anew. */
const MARK = 'node_modules/.heirloom-ran'

/** Installs what is missing. Throws, with one line, if the installation is not whole in the end. */
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

/** The first thing that the lock file names and that is not installed, or null. */
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

/** Only what is made for one kind of machine has to be there: what it depends on is optional too, and may not be needed. */
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
