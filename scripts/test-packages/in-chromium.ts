import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { findBrowser } from '@heirloom/local-stack'
import { chromium } from 'playwright-core'
import { rolldown } from 'rolldown'

/** How a page gets the client. */
export const WAYS = ['a script tag', 'an import map', 'a bundler'] as const
type Way = (typeof WAYS)[number]

const ASK = `const options = { authServer: 'https://auth.example', resources: [], clientId: 'web' }
document.title = String(await createClient(options).isLoggedIn()) + String(await createRedirectClient(options).isLoggedIn())`

const IMPORTS = `import { createClient } from '@heirloom/client'
import { createRedirectClient } from '@heirloom/client/redirect'
`

/** Opens a page that uses the client as it is installed in `folder`. Throws if it does not run. */
export async function loadInChromium(folder: string, way: Way): Promise<void> {
  const executablePath = findBrowser()
  if (executablePath === null) throw new Error('This needs Chromium: install the package chromium-headless-shell')
  const server = serve(join(folder, 'node_modules/@heirloom/client/dist/browser'), await pageOf(folder, way))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const browser = await chromium.launch({ executablePath, chromiumSandbox: false })
  try {
    const page = await browser.newPage()
    const faults: string[] = []
    page.on('pageerror', ({ message }) => faults.push(message))
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.waitForFunction("document.title !== ''", undefined, { timeout: 60_000 }).catch(() => {})
    // Nobody has logged in.
    if ((await page.title()) !== 'falsefalse' || faults.length > 0)
      throw new Error(`The page's title is "${await page.title()}". ${faults.join('\n')}`)
  } finally {
    await browser.close()
    server.closeAllConnections()
    server.close()
  }
}

async function pageOf(folder: string, way: Way): Promise<string> {
  switch (way) {
    case 'a script tag':
      return `<script src="/client.js"></script><script src="/redirect.js"></script>
<script>(async () => { const { createClient, createRedirectClient } = heirloom; ${ASK} })()</script>`
    case 'an import map':
      return `<script type="importmap">
{ "imports": { "@heirloom/client": "/client.mjs", "@heirloom/client/redirect": "/redirect.mjs" } }</script>
<script type="module">${IMPORTS}${ASK}</script>`
    case 'a bundler': {
      const input = join(folder, 'page.mjs')
      writeFileSync(input, IMPORTS + ASK)
      const bundle = await rolldown({ input, platform: 'browser' })
      const { output } = await bundle.generate({ format: 'esm' })
      await bundle.close()
      return `<script type="module">${output[0].code}</script>`
    }
  }
}

function serve(bundles: string, page: string): Server {
  return createServer(({ url = '' }, response) => {
    const bundle = /^\/(client|redirect)\.m?js$/.exec(url)
    const content = bundle
      ? readFileSync(join(bundles, url))
      : `<!doctype html><link rel="icon" href="data:," />${page}`
    response.setHeader('content-type', bundle ? 'text/javascript' : 'text/html').end(content)
  })
}
