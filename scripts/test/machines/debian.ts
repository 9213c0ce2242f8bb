import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })

export interface MinimalDebian {
  /** Runs a command in the system. */
  prefix: readonly string[]
  install(debianPackage: string): void
  close(): void
}

/** A minimal Debian with git and this machine's Node. Needs root and debootstrap. */
export function minimalDebian(folder: string): MinimalDebian {
  if (!existsSync('/usr/sbin/debootstrap')) run('apt-get', 'install', '-qq', '--yes', 'debootstrap')
  run(
    'debootstrap',
    '--variant=minbase',
    '--include=git,ca-certificates',
    'bookworm',
    folder,
    'http://deb.debian.org/debian',
  )
  const npm = realpathSync(
    join(dirname(process.env['npm_execpath'] ?? '/usr/lib/node_modules/npm/bin/npm-cli.js'), '..'),
  )
  const inside = (path: string) => join(folder, path)
  cpSync(machineNode(), inside('/usr/bin/node'), { dereference: true })
  cpSync(npm, inside('/usr/lib/node_modules/npm'), { recursive: true })
  run('ln', '-s', '../lib/node_modules/npm/bin/npm-cli.js', inside('/usr/bin/npm'))
  // How this machine reaches the registry. The row is not about that.
  for (const file of [
    '/usr/etc/npmrc',
    '/root/.npmrc',
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/resolv.conf',
    '/etc/hosts',
  ]) {
    if (!existsSync(file)) continue
    mkdirSync(dirname(inside(file)), { recursive: true })
    cpSync(file, inside(file), { dereference: true })
  }
  run('mount', '-t', 'proc', 'proc', inside('/proc'))
  return {
    prefix: ['chroot', folder],
    install(debianPackage) {
      run('chroot', folder, 'apt-get', 'update', '-qq')
      run('chroot', folder, 'apt-get', 'install', '-qq', '--yes', '--no-install-recommends', debianPackage)
    },
    close: () => void run('umount', inside('/proc')),
  }
}

/** Not the Node of node_modules, under which this runs. */
const machineNode = (): string =>
  execFileSync('which', ['-a', 'node'], { encoding: 'utf8' })
    .split('\n')
    .find((path) => !path.includes('node_modules')) ?? process.execPath
