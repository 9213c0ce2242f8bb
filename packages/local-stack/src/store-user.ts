import { execFileSync, spawnSync } from 'node:child_process'
import { lchownSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

interface Command {
  command: string
  args: string[]
  /** Whom the process becomes, if it is not who runs this. */
  uid?: number
  gid?: number
}

export type Wrap = (command: string, args: string[]) => Command

/**
 * Root is who runs things in a container or in CI. Postgres refuses to run as root, and no store needs to: what a store can
 * do, whoever may speak SQL to it as its superuser can do too. So it runs as whoever owns its folder, at first `nobody`.
 *
 * It has no capability at all if that user can reach the folder and the program. Only if one of them lies below a folder
 * that nobody else may enter (mode 0700, as /root is), it keeps one capability, to go through: the lesser one if the
 * container has it. `no_setuid_fixup` keeps that in force for access(2), by which initdb looks for its programs.
 *
 * Null if there is no way to do it here.
 */
export function storeUser(folder: string, program: string): Wrap | null {
  if (process.getuid?.() !== 0) return (command, args) => ({ command, args })

  const { uid, gid } = giveAway(folder)
  const ways: Wrap[] = [
    setpriv(uid, gid),
    // Without setpriv: Node drops the groups and becomes the user, and with that the kernel takes every capability.
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

/** util-linux. Nothing that the process starts can have more than it has itself. */
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

/** What root made or copied into the folder becomes its owner's. Answers who that is. */
function giveAway(folder: string): { uid: number; gid: number } {
  const owner = statSync(folder)
  const { uid, gid } = owner.uid === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : owner
  const inside = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  for (const path of [folder, ...inside]) if (lstatSync(path).uid === 0) lchownSync(path, uid, gid)
  return { uid, gid }
}

const idOf = (flag: '-u' | '-g'): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
