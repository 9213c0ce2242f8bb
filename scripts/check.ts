// All that can be checked without running anything.
import { spawnSync } from 'node:child_process'

/** The packages that others install. */
const PACKAGES = ['packages/claims', 'packages/client', 'packages/verifier']
// The code is an ES module, which Node can `require` since 20.19 (scripts/build-package.mjs). Are The Types Wrong does not know
// that, and reports the declarations for `require` as false. Resolution by node10 does not read `exports`.
const TYPES_OF_A_PACKAGE = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm', 'false-cjs']

const checks: [name: string, command: string, ...args: string[]][] = [
  ['Lint', 'oxlint'],
  ['Formatting', 'prettier', '--check', '--log-level=warn', '.'],
  ['Types', 'tsc'],
  ['Dead code', 'knip'],
  ['Reference pages', process.execPath, 'scripts/reference.ts', '--check'],
  ['Prose', process.execPath, 'scripts/check/prose.ts'],
  ...PACKAGES.flatMap((folder): typeof checks => [
    [`Package ${folder}`, 'publint', '--strict', folder],
    [`Types of ${folder}`, 'attw', '--pack', folder, '--format', 'ascii', ...TYPES_OF_A_PACKAGE],
  ]),
]

const failed = checks.filter(([name, command, ...args]) => {
  console.log(`${name} ...`)
  return spawnSync(command, args, { stdio: 'inherit' }).status !== 0
})
if (failed.length > 0) {
  console.error(`Failed: ${failed.map(([name]) => name).join(', ')}`)
  process.exitCode = 1
}
