import { findBrowser } from '@heirloom/local-stack'
import { type BrowserContext, type BrowserContextOptions, type Page, chromium } from 'playwright-core'
import { afterAll, afterEach, expect } from 'vitest'

/**
 * A real browser for one test file, with a new profile for each visit.
 * @param hosts which names lead to this machine, such as `*.test`.
 */
export async function startChromium(hosts?: string) {
  const executablePath = findBrowser()
  if (executablePath === null) throw new Error('these tests need Chromium: install the package chromium-headless-shell')
  // Nothing leaves this machine. Root, who runs the tests in a container, gets no sandbox.
  const browser = await chromium.launch({
    executablePath,
    chromiumSandbox: false,
    args: [`--host-resolver-rules=MAP *.example ~NOTFOUND${hosts === undefined ? '' : `, MAP ${hosts} 127.0.0.1`}`],
  })
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
