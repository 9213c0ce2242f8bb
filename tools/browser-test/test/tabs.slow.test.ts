import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Browser } from 'playwright-core'
import { startChromium } from '../src/chromium.ts'
import { addCookiePage, expireUnderLoss } from '../src/tabs.ts'
import type { Stack } from '../src/stack.ts'
import { testStack } from './test-stack.ts'

let stack: Stack
let chromium: Browser
beforeAll(async () => {
  stack = await testStack()
  addCookiePage(stack)
  chromium = await startChromium()
  afterAll(() => chromium.close())
})

// `node tools/browser-test/src/main.ts` does it with ten tabs and fifty expiries.
it('three tabs lose a third of all answers, and nobody is logged out or refreshes twice', async () => {
  // Nothing stalls for nearly as long as a tab waits: a cookie that comes when the tab has given up costs a second refresh.
  const loss = { tabs: 3, expiries: 5, lost: 0.3, stalled: 0, random: Math.random }
  const outcome = await expireUnderLoss(stack, chromium, loss)
  expect(outcome).toMatchObject({ refreshes: 5, forks: 0, wrong: [] })
})
