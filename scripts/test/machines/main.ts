// npm run test:machines: runs the lines of the README in fresh clones on machines of many kinds, and prints a table. It takes half
// an hour and needs root on Debian, so `npm test` does not run it. Words after `--` choose rows by name.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@heirloom/local-stack'
import { PATH, ROWS, close, work } from './rows.ts'
import { tryReadme } from './trial.ts'

const words = process.argv.slice(2)
const rows = ROWS.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
const results: { row: string; seconds: number; result: string; good: boolean }[] = []
try {
  for (const [i, { name, machine, expected = /^works$/ }] of rows.entries()) {
    const began = performance.now()
    const folder = join(work, `clone-${i}`)
    const ports = { AUTH_PORT: String(await freePort()), API_PORT: String(await freePort()) }
    const clean = Object.fromEntries(
      Object.keys(process.env)
        .filter((key) => /^(npm_|no_proxy$)/i.test(key))
        .map((key) => [key, undefined]),
    )
    let result: string
    try {
      const tried = machine(folder)
      process.umask(name.includes('umask 077') ? 0o077 : 0o022)
      result = await tryReadme({ ...tried, env: { ...clean, PATH, NO_UPDATE_NOTIFIER: '1', ...ports, ...tried.env } })
    } catch (error) {
      result = (error as Error).message
    }
    process.umask(0o022)
    const seconds = Math.round((performance.now() - began) / 1000)
    const good = expected.test(result)
    results.push({ row: name, seconds, result, good })
    console.log(`${good ? 'good' : 'BAD '} ${String(seconds).padStart(4)} s  ${name}: ${result}`)
    if (!name.includes('Debian')) rmSync(folder, { recursive: true, force: true })
  }
} finally {
  close()
}
console.log(['', '| machine | seconds | what came of it |', '| --- | --- | --- |'].join('\n'))
for (const { row, seconds, result } of results) console.log(`| ${row} | ${seconds} | ${result} |`)
if (results.some(({ good }) => !good)) process.exitCode = 1
