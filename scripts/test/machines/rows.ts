import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type MinimalDebian, minimalDebian } from './debian.ts'
import type { Machine } from './trial.ts'

export interface Row {
  name: string
  /** Clones into the given folder, and returns what is special about the row. */
  machine: (folder: string) => Machine
  /** The expected result. Absent: it works. */
  expected?: RegExp
}

const repository = fileURLToPath(new URL('../../..', import.meta.url))
export const work = mkdtempSync(join(tmpdir(), 'heirloom-machines-'))
chmodSync(work, 0o755)
const NOBODY = 65_534

/** The PATH of the user, without what npm adds. */
export const PATH = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter)

function sh(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}

function clone(folder: string, ...settings: string[]): string {
  sh('git', ...settings.flatMap((setting) => ['-c', setting]), 'clone', '--quiet', '--no-hardlinks', repository, folder)
  return folder
}

/** A copy of this clone's installation, for rows that are not about installing. */
function installed(folder: string): string {
  clone(folder)
  sh('cp', '-a', '--link', join(repository, 'node_modules'), folder)
  return folder
}

/** All programs of this machine except Redis. */
function pathWithoutRedis(): string {
  const folder = join(work, 'no-redis')
  if (existsSync(folder)) return folder
  mkdirSync(folder)
  for (const from of PATH.split(delimiter).filter((one) => existsSync(one))) {
    for (const program of readdirSync(from)) {
      if (/^(redis|valkey)-server$/.test(program) || existsSync(join(folder, program))) continue
      symlinkSync(join(from, program), join(folder, program))
    }
  }
  return folder
}

/** An ordinary user, and a folder that only this user may enter. */
function asNobody(folder: string, env: NodeJS.Dict<string>, home: string): Machine {
  sh('chown', '-R', `${NOBODY}:${NOBODY}`, folder)
  const prefix = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  return { folder, env: { ...env, HOME: home }, prefix }
}

function ownHome(folder: string): string {
  const home = `${folder}-home`
  mkdirSync(home)
  if (existsSync('/root/.npmrc')) sh('cp', '/root/.npmrc', home)
  sh('chown', '-R', `${NOBODY}:${NOBODY}`, home)
  return home
}

function file(name: string, content: string): string {
  const path = join(work, name)
  writeFileSync(path, content, { mode: 0o644 })
  return path
}

let debian: MinimalDebian | null = null
function inDebian(): Machine {
  const inner = '/srv/heirloom'
  const root = join(work, 'debian')
  if (debian === null) {
    debian = minimalDebian(root)
    clone(join(root, inner))
  } else debian.install('libatomic1')
  return { folder: join(root, inner), env: { PATH: '/usr/bin:/usr/sbin' }, prefix: debian.prefix, seenAs: inner }
}

const ZONES = ['America/New_York', 'Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Kiritimati', 'UTC']

export const ROWS: Row[] = [
  { name: 'as it is', machine: (folder) => ({ folder: clone(folder), env: {} }) },
  { name: 'NODE_ENV=production', machine: (folder) => ({ folder: clone(folder), env: { NODE_ENV: 'production' } }) },
  {
    name: 'omit=dev, ignore-scripts in the environment',
    machine: (folder) => ({
      folder: clone(folder),
      env: { npm_config_omit: 'dev', npm_config_ignore_scripts: 'true' },
    }),
  },
  {
    name: 'install-strategy=linked, engine-strict, bin-links=false',
    machine: (folder) => ({
      folder: clone(folder),
      env: { npm_config_install_strategy: 'linked', npm_config_engine_strict: 'true', npm_config_bin_links: 'false' },
    }),
  },
  {
    name: 'an ordinary user, umask 077, spaces and ü in the path',
    machine: (folder) => asNobody(clone(`${folder} mit ümlaut`), {}, ownHome(folder)),
  },
  { name: 'core.autocrlf=true', machine: (folder) => ({ folder: clone(folder, 'core.autocrlf=true'), env: {} }) },
  { name: 'a minimal Debian', machine: inDebian, expected: /Install libatomic1: apt-get install libatomic1$/ },
  { name: 'a minimal Debian with libatomic1', machine: inDebian },
  ...ZONES.map((zone) => ({
    name: `TZ=${zone}`,
    machine: (folder: string) => ({ folder: installed(folder), env: { TZ: zone } }),
  })),
  ...ZONES.slice(0, 2).map((zone) => ({
    name: `TZ=${zone}, no Redis`,
    machine: (folder: string) => ({ folder: installed(folder), env: { TZ: zone, PATH: pathWithoutRedis() } }),
  })),
  {
    name: 'PG variables of another Postgres',
    machine: (folder) => ({
      folder: installed(folder),
      env: {
        PGHOST: '192.0.2.1',
        PGPORT: '1',
        PGUSER: 'somebody',
        PGPASSWORD: 'wrong',
        PGDATABASE: 'other',
        PGSSLMODE: 'require',
        PGOPTIONS: '-c search_path=other -c default_transaction_isolation=serializable',
        PGTZ: 'Asia/Kolkata',
        PGDATESTYLE: 'German',
        PGDATA: '/nowhere',
        PGSERVICE: 'nowhere',
      },
    }),
  },
  {
    name: 'a proxy that Node obeys',
    machine: (folder) => ({
      folder: installed(folder),
      env: {
        NODE_USE_ENV_PROXY: '1',
        HTTP_PROXY: 'http://127.0.0.1:9',
        HTTPS_PROXY: 'http://127.0.0.1:9',
        NO_PROXY: 'example.com',
      },
    }),
  },
  {
    name: 'a proxy that curl obeys',
    machine: (folder) => ({
      folder: installed(folder),
      env: { http_proxy: 'http://127.0.0.1:9', all_proxy: 'http://127.0.0.1:9' },
    }),
  },
  {
    name: 'NODE_OPTIONS',
    machine: (folder) => ({
      folder: installed(folder),
      env: { NODE_OPTIONS: `--require ${file('required.cjs', 'console.log("required")\n')} --max-old-space-size=300` },
    }),
  },
  {
    name: 'LC_ALL=tr_TR.UTF-8, CI=true',
    machine: (folder) => ({ folder: installed(folder), env: { LC_ALL: 'tr_TR.UTF-8', CI: 'true' } }),
  },
  {
    name: 'LANG=C, no HOME',
    machine: (folder) => ({ folder: installed(folder), env: { LANG: 'C', LC_ALL: 'C', HOME: undefined } }),
  },
  {
    name: 'TMPDIR that is not there',
    machine: (folder) => ({ folder: installed(folder), env: { TMPDIR: '/nowhere' } }),
  },
  {
    name: 'an ordinary user with a HOME that he may not write',
    machine: (folder) => asNobody(clone(folder), { ...registry() }, '/nonexistent'),
  },
]

/** Settings of an npmrc that this user cannot read. */
const registry = (): NodeJS.Dict<string> =>
  existsSync('/root/.npmrc') ? { npm_config_userconfig: file('npmrc', readFileSync('/root/.npmrc', 'utf8')) } : {}

/** Removes everything that was created. */
export function close(): void {
  debian?.close()
  rmSync(work, { recursive: true, force: true })
}
