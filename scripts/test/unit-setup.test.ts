import { expect, test } from 'vitest'

test.each([
  ['node:child_process', () => import('node:child_process')],
  ['@heirloom/local-stack', () => import('@heirloom/local-stack')],
  ['@heirloom/local-stack/testing', () => import('@heirloom/local-stack/testing')],
  ['the server of tests', () => import('../../apps/auth-server/test/support/server.ts')],
])('a unit test cannot load %s', async (_name, load) => {
  await expect(load()).rejects.toMatchObject({ cause: { message: expect.stringContaining('x.int.test.ts') } })
})
