import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { environmentOfCommand } from '../ready/environment.mjs'

const READY = fileURLToPath(new URL('../ready.mjs', import.meta.url))
const ready = (...command: string[]) =>
  spawn(process.execPath, [READY, ...command], { stdio: ['ignore', 'pipe', 'inherit'] })

test('runs the command under the Node that Heirloom is written for, and hands back its exit code', async () => {
  const run = ready('sh', '-c', 'node --version; exit 7')
  const [version, [code]] = await Promise.all([text(run.stdout), once(run, 'exit')])
  expect(version).toBe(`${process.version}\n`)
  expect(code).toBe(7)
})

test('passes a signal on, and ends as the command does', async () => {
  const run = ready('sh', '-c', 'trap "exit 3" TERM; echo waiting; for _ in $(seq 500); do sleep 0.02; done')
  await once(run.stdout, 'data')
  run.kill('SIGTERM')
  expect(await once(run, 'exit')).toEqual([3, null])
})

test('a call to this machine does not go through a proxy, and settings for another Postgres do not reach ours', () => {
  const given = { PATH: '/bin', PGSSLMODE: 'require', PGOPTIONS: '-c search_path=x', NO_PROXY: 'example.com' }
  const direct = 'example.com,127.0.0.1,localhost,::1'
  expect(environmentOfCommand(given)).toEqual({ PATH: '/bin', NO_PROXY: direct, no_proxy: direct })
  const operators = { ...given, DATABASE_URL: 'postgres://db' }
  expect(environmentOfCommand(operators)).toEqual({ ...operators, NO_PROXY: direct, no_proxy: direct })
})
