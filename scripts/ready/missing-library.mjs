import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The package that holds a library, by the command that installs packages. */
const PACKAGES = {
  'libatomic.so.1': { 'apt-get': 'libatomic1', dnf: 'libatomic', zypper: 'libatomic1', pacman: 'gcc-libs' },
  'libstdc++.so.6': { 'apt-get': 'libstdc++6', dnf: 'libstdc++', zypper: 'libstdc++6', pacman: 'gcc-libs' },
  'libgcc_s.so.1': { 'apt-get': 'libgcc-s1', dnf: 'libgcc', zypper: 'libgcc_s1', pacman: 'gcc-libs' },
}
const VERBS = { 'apt-get': 'install', dnf: 'install', zypper: 'install', pacman: '-S' }

/**
 * What the machine lacks and how to get it, from the words of a program that did not start. Null if the words do not say so.
 *
 * @param words the first line of what the program wrote
 * @param code of the error with which it could not even be started, such as ENOENT
 */
export function cureOf(words, code, hasCommand = isOnPath) {
  // The file is there: what is not is the loader that it names.
  if (code === 'ENOENT')
    return 'it needs a Linux with glibc, such as Debian, Ubuntu or Fedora, and this one has another C library.'
  const [, version] = /version `(GLIBC\w*_[\d.]+)' not found/.exec(words) ?? []
  if (version) return `it needs ${version}, and this system is older than that: use a newer one.`
  const [, library] = /(lib[^\s/:]+\.so[.\d]*)/.exec(words) ?? []
  const names = PACKAGES[library]
  if (!names) return null
  const command = Object.keys(names).find(hasCommand) ?? 'apt-get'
  return `${library} is missing. Install ${names[command]}: ${command} ${VERBS[command]} ${names[command]}`
}

function isOnPath(command) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
