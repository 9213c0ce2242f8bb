import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testStores } from '@heirloom/local-stack/testing'
import { afterAll } from 'vitest'
import { type Stack, USER, startStack } from '../src/stack.ts'

/** The servers of one test file, with one user. */
export async function testStack(): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), 'heirloom-browser-test-'))
  const stack = await startStack({ ...(await testStores()), folder })
  afterAll(async () => {
    await stack.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  await stack.register(USER)
  return stack
}
