import { findBrowser } from '@heirloom/local-stack'
import { type Browser, chromium } from 'playwright-core'

/** A real browser. Nothing leaves this machine. Root, who runs the tests in a container, gets no sandbox. */
export async function startChromium(): Promise<Browser> {
  const executablePath = findBrowser()
  if (executablePath === null) throw new Error('This needs Chromium: install the package chromium-headless-shell')
  const args = ['--host-resolver-rules=MAP *.example ~NOTFOUND']
  return chromium.launch({ executablePath, chromiumSandbox: false, args })
}
