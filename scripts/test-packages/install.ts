import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A command and its first arguments. */
export type Tools = Record<'npm' | 'pnpm' | 'yarn' | 'bun', readonly string[]>

/** Packs the packages as for a registry. Returns the tarballs by name. */
export function pack(folder: string): Record<string, string> {
  const entries = ['verifier', 'client'].map((name) => {
    const options = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
    const cwd = join(root, 'packages', name)
    const output = execFileSync('npm', options, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const [packed] = JSON.parse(output) as { filename: string }[]
    return [`@heirloom/${name}`, `file:${join(folder, packed?.filename ?? '')}`]
  })
  return Object.fromEntries(entries) as Record<string, string>
}

/** Each package manager is complete in its npm package, so no install script runs. */
export function installManagers(folder: string): Tools {
  const cwd = join(folder, 'managers')
  mkdirSync(cwd)
  writeFileSync(join(cwd, 'package.json'), '{"private":true}')
  const bun = `@oven/bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`
  const options = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', [...options, 'pnpm@12', 'yarn@1', `${bun}@1`], { cwd, stdio: 'inherit' })
  const modules = join(cwd, 'node_modules')
  return {
    npm: ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    pnpm: [
      process.execPath,
      join(modules, 'pnpm/bin/pnpm.mjs'),
      'install',
      '--ignore-scripts',
      '--store-dir',
      join(folder, 'pnpm'),
    ],
    yarn: [
      process.execPath,
      join(modules, 'yarn/bin/yarn.js'),
      'install',
      '--ignore-scripts',
      '--no-lockfile',
      '--cache-folder',
      join(folder, 'yarn'),
    ],
    bun: [join(modules, bun, 'bin/bun'), 'install', '--ignore-scripts'],
  }
}
