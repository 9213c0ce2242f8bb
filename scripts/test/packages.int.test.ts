import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const outside = mkdtempSync(join(tmpdir(), 'heirloom-packages-'))
afterAll(() => rmSync(outside, { recursive: true, force: true }))

interface Manifest {
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  exports: Record<string, Record<'import' | 'require', { types: string; default: string }>>
}

/** Packs as for a registry, and unpacks as an installation does. */
const placeOf = (name: string) => join(outside, 'node_modules/@heirloom', name)
beforeAll(() => {
  for (const name of ['verifier', 'client']) {
    const folder = join(root, 'packages', name)
    const [packed] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', outside], {
        cwd: folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    ) as { filename: string }[]
    mkdirSync(placeOf(name), { recursive: true })
    execFileSync('tar', ['-xzf', join(outside, packed?.filename ?? ''), '-C', placeOf(name), '--strip-components=1'])
  }
})

describe.each(['verifier', 'client'])('the tarball of @heirloom/%s', (name) => {
  const manifest = () => JSON.parse(readFileSync(join(placeOf(name), 'package.json'), 'utf8')) as Manifest
  const files = () => readdirSync(placeOf(name), { recursive: true, encoding: 'utf8' })

  test('has the license, and nothing of the sources or the tests', () => {
    expect(readFileSync(join(placeOf(name), 'LICENSE'), 'utf8')).toBe(readFileSync(join(root, 'LICENSE'), 'utf8'))
    expect(files().filter((file) => /^(?:src|test|node_modules)(?:\/|$)|tsconfig/.test(file))).toEqual([])
  })

  test('depends on no package in a registry, so that nobody can take such a name', () => {
    const { dependencies = {}, peerDependencies = {} } = manifest()
    expect(dependencies).toEqual({})
    expect(Object.keys(peerDependencies).filter((peer) => peer.startsWith('@heirloom/'))).toEqual([])
  })

  test('imports only what is in it, of Node, or a peer', () => {
    const allowed = new Set([...builtinModules, ...Object.keys(manifest().peerDependencies ?? {})])
    for (const file of files().filter((path) => /^dist\/.*\.(?:js|d\.ts|d\.cts)$/.test(path))) {
      const text = readFileSync(join(placeOf(name), file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')
      for (const [, specifier = ''] of text.matchAll(/(?:from|import|module) ?\(?["']([^"']+)["']/g)) {
        const target = join(placeOf(name), dirname(file), specifier)
        const isThere = specifier.startsWith('.')
          ? existsSync(file.endsWith('.js') ? target : target.replace(/\.(c?)js$/, '.d.$1ts'))
          : allowed.has(specifier.replace(/^node:/, ''))
        expect([file, specifier, isThere]).toEqual([file, specifier, true])
      }
    }
  })

  test('has what its exports name', () => {
    const named = Object.values(manifest().exports).flatMap(({ import: esm, require: cjs }) => [
      ...Object.values(esm),
      ...Object.values(cjs),
    ])
    expect(named.filter((path) => !existsSync(join(placeOf(name), path)))).toEqual([])
  })
})

// For pages without a bundler: docs/guide/browser.md.
test.each(['client', 'redirect'])(
  'the bundle %s is small, imports nothing, and works as a script and as a module',
  async (name) => {
    const file = (extension: string) => join(placeOf('client'), 'dist/browser', `${name}.${extension}`)
    for (const extension of ['js', 'mjs']) {
      expect(gzipSync(readFileSync(file(extension))).length).toBeLessThan(6_000)
      expect(readFileSync(file(extension), 'utf8')).not.toMatch(/\bimport\b|\brequire\(/)
    }
    const call = name === 'client' ? 'createClient' : 'createRedirectClient'
    // A page may have both scripts.
    const page: { heirloom?: Record<string, unknown> } = { heirloom: { before: true } }
    runInNewContext(readFileSync(file('js'), 'utf8'), page)
    expect(page.heirloom).toMatchObject({ before: true, [call]: expect.any(Function) })
    expect(await import(file('mjs'))).toMatchObject({ [call]: expect.any(Function), ClientError: expect.any(Function) })
  },
)

const USE = `import { type HeirloomClaims, type Verifier, createVerifier, localKeySet } from '@heirloom/verifier'
import { createClient } from '@heirloom/client'
const verifier: Verifier<HeirloomClaims> = createVerifier({ issuer: 'https://auth.example', audience: 'a', keys: localKeySet([]) })
const client = createClient({ authServer: 'https://auth.example', resources: [] })
// @ts-expect-error the types are there: a verifier takes no number
verifier.verify(1)
// @ts-expect-error so has the client
client.accessToken(1)
console.log(typeof verifier.verify, typeof client.fetch)
`

// All combinations, and other package managers, are in `npm run test:packages`.
test.each([
  ['node16', ['mts', 'cts']],
  ['bundler', ['ts']],
])('compiles under %s as .%s', (resolution, extensions) => {
  const folder = mkdtempSync(join(outside, `${resolution}-`))
  const files = extensions.map((extension) => join(folder, `use.${extension}`))
  for (const file of files) writeFileSync(file, USE)
  const module = resolution === 'bundler' ? 'preserve' : resolution
  const options = ['--noEmit', '--strict', '--target', 'es2023', '--lib', 'es2024,dom', '--types', 'node']
  const types = ['--typeRoots', join(root, 'node_modules/@types')]
  const answer = () =>
    execFileSync(
      process.execPath,
      [
        join(root, 'node_modules/typescript/bin/tsc'),
        ...options,
        ...types,
        '--module',
        module,
        '--moduleResolution',
        resolution,
        ...files,
      ],
      { cwd: folder, encoding: 'utf8', stdio: 'pipe' },
    )
  expect(answer()).toBe('')
})

test.each(['mjs', 'cjs'])('runs as .%s', (extension) => {
  const file = join(outside, `run.${extension}`)
  const names = '{ createVerifier, localKeySet }'
  const load =
    extension === 'cjs'
      ? `const ${names} = require('@heirloom/verifier'); const { createClient } = require('@heirloom/client')`
      : `import ${names} from '@heirloom/verifier'; import { createClient } from '@heirloom/client'`
  writeFileSync(file, `${load}\nconsole.log(typeof createVerifier, typeof localKeySet, typeof createClient)`)
  expect(execFileSync(process.execPath, [file], { encoding: 'utf8' })).toBe('function function function\n')
})
