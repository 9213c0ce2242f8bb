// All that can be checked without running anything.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { text } from 'node:stream/consumers'

/** The packages that others install. */
const PACKAGES = ['packages/claims', 'packages/client', 'packages/verifier']
// The code is an ES module, which Node can `require` since 20.19 (scripts/build-package.mjs). Are The Types Wrong does not know
// that, and reports the declarations for `require` as false. Resolution by node10 does not read `exports`.
const TYPES_OF_A_PACKAGE = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm', 'false-cjs']

/** Long ones first: they run side by side, and the short ones fill the end. */
const checks: [name: string, command: string, ...args: string[]][] = [
  ['Lint', 'oxlint'],
  ['Formatting', 'prettier', '--check', '--log-level=warn', '.'],
  // By default, four checkers work out the same types four times.
  ['Types', 'tsc', '--checkers', '1'],
  ['Dead code', 'knip'],
  ['Reference pages', process.execPath, 'scripts/reference.ts', '--check'],
  ['Prose', process.execPath, 'scripts/check/prose.ts'],
  ...PACKAGES.flatMap((folder): typeof checks => [
    [`Package ${folder}`, 'publint', '--strict', folder],
    [`Types of ${folder}`, 'attw', '--pack', folder, '--format', 'ascii', ...TYPES_OF_A_PACKAGE],
  ]),
]

console.log(`Running ${checks.length} checks side by side ...`)
const waiting = checks.values()
const failed: string[] = []
await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, runOneAfterTheOther))
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}`)
  process.exitCode = 1
}

async function runOneAfterTheOther(): Promise<void> {
  for (const [name, command, ...args] of waiting) {
    const { passed, output } = await run(command, args)
    // The output of a check stays together.
    console.log(`${name}: ${passed ? 'passed' : 'FAILED'}`)
    if (output !== '') console.log(output)
    if (!passed) failed.push(name)
  }
}

async function run(command: string, args: string[]): Promise<{ passed: boolean; output: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const exitCode = new Promise<number | null>((resolve) => {
    child.on('close', resolve)
    child.on('error', (error) => {
      console.error(error.message)
      resolve(null)
    })
  })
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exitCode])
  return { passed: code === 0, output: `${out}${err}`.trim() }
}
