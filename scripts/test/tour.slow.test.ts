import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const TOUR = fileURLToPath(new URL('../tour.ts', import.meta.url))

test('the tour starts its own stack, and all of its ten steps succeed', { timeout: 90_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [TOUR])
  const steps = stdout.split('\n').filter((line) => /^\d+\. /.test(line))
  expect(steps).toHaveLength(10)
  // After the logout the access token works once more, then expires.
  expect(stdout).toMatch(/GET \/api\/me -> 200\n(?:.*\n){2}.*GET \/api\/me -> 401 invalid_token/)
  expect(stdout).toMatch(/thief presents .*\n.*POST \/auth\/refresh -> 400 invalid_grant/)
  expect(stdout).toMatch(/That was the tour\.\n$/)
})

test('a tour that cannot be played fails with one line', async () => {
  const none = 'http://127.0.0.1:1'
  const tour = promisify(execFile)(process.execPath, [TOUR, '--auth', none, '--api', none])
  await expect(tour).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/^tour: .*\n$/) })
})

test('with --help it prints its usage and starts nothing', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [TOUR, '--help'])
  expect(stdout).toMatch(/^Usage: .*--auth URL --api URL.*\n$/)
})
