import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, statSync } from 'node:fs'

export type Wrap = (command: string, args: string[]) => { command: string; args: string[] }

/**
 * Postgres refuses to run as root, but root is who runs things in a container or in CI. Then it runs as whoever owns
 * the cluster's folder, at first `nobody`, with one capability left: to enter folders that belong to root, as the clone
 * and the data folder may lie below one (mode 0700) that nobody else may enter.
 *
 * `no_setuid_fixup` keeps the capability in force for access(2) too, which initdb uses to look for its programs.
 */
const PRIVILEGES = [
  '--clear-groups',
  '--no-new-privs',
  '--inh-caps=-all,+dac_override',
  '--ambient-caps=-all,+dac_override',
  '--securebits=+no_setuid_fixup',
]

/** How to start a program of Postgres on this folder. Throws, with one line, where it can not be done. */
export function postgresUser(folder: string, program: string): Wrap {
  if (process.getuid?.() !== 0) return (command, args) => ({ command, args })

  if (statSync(folder).uid === 0) chownSync(folder, idOf('-u'), idOf('-g'))
  const { uid, gid } = statSync(folder)

  const prefix = [`--reuid=${uid}`, `--regid=${gid}`, ...PRIVILEGES]
  const works = spawnSync('setpriv', [...prefix, 'test', '-x', program, '-a', '-w', folder]).status === 0
  if (works) return (command, args) => ({ command: 'setpriv', args: [...prefix, command, ...args] })
  throw new Error(
    'Postgres does not run as root, and cannot be started as another user here (that takes setpriv of util-linux and the right to use it): ' +
      'run this as an ordinary user, or set DATABASE_URL to a Postgres that runs already',
  )
}

const idOf = (flag: '-u' | '-g'): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
