import { type Browser, chromium, firefox } from 'playwright-core'
import { findBrowser, findFirefox, isFirefox } from './find-program.ts'

/**
 * The browser that the tests run in. Nothing leaves this machine.
 * @param hosts names that lead to this machine.
 */
export const launchBrowser = (hosts: readonly string[] = []): Promise<Browser> =>
  isFirefox ? launchFirefox(hosts) : launchChromium(hosts)

export async function launchChromium(hosts: readonly string[] = []): Promise<Browser> {
  const executablePath = findBrowser()
  if (executablePath === null) throw new Error('This needs Chromium: install the package chromium-headless-shell')
  const rules = ['MAP *.example ~NOTFOUND', ...hosts.map((host) => `MAP ${host} 127.0.0.1`)]
  // Root, who runs the tests in a container, gets no sandbox.
  return chromium.launch({ executablePath, chromiumSandbox: false, args: [`--host-resolver-rules=${rules.join()}`] })
}

async function launchFirefox(hosts: readonly string[]): Promise<Browser> {
  const executablePath = findFirefox()
  if (executablePath === null) throw new Error('This needs Firefox: install the package firefox-esr')
  return firefox.launch({
    executablePath,
    // The protocol of the Firefox that people have (WebDriver BiDi), and not that of Playwright's own build.
    channel: 'moz-firefox',
    timeout: 120_000,
    firefoxUserPrefs: {
      'network.dns.localDomains': hosts.join(),
      // Every name that does not lead here goes to a proxy that is not there.
      'network.proxy.type': 1,
      'network.proxy.http': '127.0.0.1',
      'network.proxy.http_port': 9,
      'network.proxy.ssl': '127.0.0.1',
      'network.proxy.ssl_port': 9,
      'network.proxy.no_proxies_on': hosts.join(),
    },
  })
}
