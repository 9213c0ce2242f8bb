import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The package that has a library, by the command that installs packages. */
const PACKAGES = {
  'libatomic.so.1': { 'apt-get': 'libatomic1', dnf: 'libatomic', zypper: 'libatomic1', pacman: 'gcc-libs' },
  'libstdc++.so.6': { 'apt-get': 'libstdc++6', dnf: 'libstdc++', zypper: 'libstdc++6', pacman: 'gcc-libs' },
  'libgcc_s.so.1': { 'apt-get': 'libgcc-s1', dnf: 'libgcc', zypper: 'libgcc_s1', pacman: 'gcc-libs' },
}
const VERBS = { 'apt-get': 'install', dnf: 'install', zypper: 'install', pacman: '-S' }

/**
 * What the machine lacks and how to get it, from the output of a program that did not start. Null if the output does not
 * tell.
 *
 * @param words the first line of the program's output
 * @param code the code of the error if it could not be started at all, such as ENOENT
 */
export function cureOf(words, code, hasCommand = isOnPath) {
  // The file exists. The loader that it names does not.
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
