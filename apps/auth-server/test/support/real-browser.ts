import { launchBrowser } from '@heirloom/local-stack/browser'
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, expect } from 'vitest'

/**
 * A real browser for one test file, with a new profile for each visit.
 * @param hosts names that lead to this machine
 */
export async function startBrowser(hosts: readonly string[] = []) {
  const browser = await launchBrowser(hosts)
  afterAll(() => browser.close())
  const failed: string[] = []
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()))
    expect(failed.splice(0)).toEqual([])
  })

  return {
    /** A new profile, as one person's browser has it. It runs no script of a page unless the options say so. */
    async visit(options: BrowserContextOptions = {}): Promise<Visit> {
      const context = await browser.newContext({ javaScriptEnabled: false, ...options })
      const faults: string[] = []
      context.on('console', (message) => void faults.push(message.text()))
      // Whatever a user does, no page is the page of a 500.
      context.on('response', (response) => void (response.status() >= 500 && failed.push(response.url())))
      const page = await context.newPage()
      return { context, page, faults }
    },
  }
}

export interface Visit {
  context: BrowserContext
  page: Page
  /** What the console said: a violation of a policy, for example. */
  faults: string[]
}
