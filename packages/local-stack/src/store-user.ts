import { execFileSync, spawnSync } from 'node:child_process'
import { lchownSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

interface Command {
  command: string
  args: string[]
  /** The user that the process runs as. Default: the current one. */
  uid?: number
  gid?: number
}

export type Wrap = (command: string, args: string[]) => Command

/**
 * In containers and in CI, root runs everything. Postgres refuses to run as root, and no store needs root's rights, which anyone
 * with superuser SQL would get. So a store runs as the owner of its folder, at first `nobody`.
 *
 * The store has no capability if that user can reach the folder and the program. If one of them is below a folder that only
 * root may enter (mode 0700, such as /root), the store keeps one capability to pass it: the lesser one if the container has it.
 * `no_setuid_fixup` keeps it in force for access(2), by which initdb looks for its programs.
 *
 * It cannot be dropped after the start: only a process itself can drop one, and Postgres opens its libraries and time zones by
 * full path whenever a session first needs them. With it, a superuser in that Postgres reads every file of the
 * machine (dac_read_search). A clone outside /root avoids that. Landlock would bound it to the two folders, from setpriv of
 * util-linux 2.40 on, which Debian 12 does not have.
 *
 * Returns null if it is not possible here.
 */
export function storeUser(folder: string, program: string): Wrap | null {
  if (process.getuid?.() !== 0) return (command, args) => ({ command, args })

  const { uid, gid } = giveAway(folder)
  const ways: Wrap[] = [
    setpriv(uid, gid),
    // Without setpriv: Node drops the groups and becomes the user, and the kernel drops every capability.
    (command, args) => ({ command, args, uid, gid }),
    setpriv(uid, gid, 'dac_read_search'),
    setpriv(uid, gid, 'dac_override'),
  ]
  const works = (way: Wrap) => {
    const { command, args, ...user } = way('test', ['-x', program, '-a', '-w', folder])
    return spawnSync(command, args, user).status === 0
  }
  return ways.find(works) ?? null
}

/**
 * The command, with variables that only the store gets: env(1) sets them as the store's user. A library in `LD_PRELOAD` must not
 * run in setpriv, where it would make files of root.
 */
export function withEnv(env: NodeJS.ProcessEnv, command: string, args: string[]): [string, string[]] {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  return variables.length === 0 ? [command, args] : ['env', [...variables, command, ...args]]
}

/** setpriv is part of util-linux. Child processes cannot gain more rights. */
function setpriv(uid: number, gid: number, kept?: string): Wrap {
  const capabilities = kept === undefined ? '-all' : `-all,+${kept}`
  const options = [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--no-new-privs',
    `--inh-caps=${capabilities}`,
    `--ambient-caps=${capabilities}`,
    `--bounding-set=${capabilities}`,
    ...(kept === undefined ? [] : ['--securebits=+no_setuid_fixup']),
  ]
  return (command, args) => ({ command: 'setpriv', args: [...options, command, ...args] })
}

/** Gives root's files in the folder to its owner. Returns the owner. */
function giveAway(folder: string): { uid: number; gid: number } {
  const owner = statSync(folder)
  const { uid, gid } = owner.uid === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : owner
  const inside = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  for (const path of [folder, ...inside]) if (lstatSync(path).uid === 0) lchownSync(path, uid, gid)
  return { uid, gid }
}

const idOf = (flag: '-u' | '-g'): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
