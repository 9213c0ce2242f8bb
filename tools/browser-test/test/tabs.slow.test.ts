import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Browser } from 'playwright-core'
import { launchChromium } from '@heirloom/local-stack/browser'
import { addCookiePage, expireUnderLoss } from '../src/tabs.ts'
import type { Stack } from '../src/stack.ts'
import { testStack } from './test-stack.ts'

let stack: Stack
let chromium: Browser
beforeAll(async () => {
  stack = await testStack()
  addCookiePage(stack)
  chromium = await launchChromium()
  afterAll(() => chromium.close())
})

// `npx node tools/browser-test/src/main.ts` does it with fifty expiries, three times.
it('ten tabs lose a third of all answers, a tenth is late, and nobody is logged out or forks the session', async () => {
  const loss = { tabs: 10, expiries: 15, lost: 0.3, stalled: 0.1, random: Math.random }
  const outcome = await expireUnderLoss(stack, chromium, loss)
  expect(outcome).toMatchObject({ forks: 0, wrong: [] })
  // A tab waits a second for the others, and on a busy machine Chromium can take longer between them. One more does no harm.
  expect([15, 16]).toContain(outcome.refreshes)
})
