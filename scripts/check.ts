// All that can be checked without running anything.
import { spawnSync } from 'node:child_process'

const checks = [
  ['Lint', 'oxlint'],
  ['Formatting', 'prettier', '--check', '--log-level=warn', '.'],
  ['Types', 'tsc'],
  ['Dead code', 'knip'],
  ['Reference pages', process.execPath, 'scripts/reference.ts', '--check'],
] as const

const failed = checks.filter(([name, command, ...args]) => {
  console.log(`${name} ...`)
  return spawnSync(command, args, { stdio: 'inherit' }).status !== 0
})
if (failed.length > 0) {
  console.error(`Failed: ${failed.map(([name]) => name).join(', ')}`)
  process.exitCode = 1
}
