import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { freePort } from '@heirloom/local-stack'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { startBrowser } from '../support/real-browser.ts'
import { FLOW_CLIENTS, type FlowServer, flowServer } from '../support/code-flow.ts'

let server: FlowServer
let browsers: Awaited<ReturnType<typeof startBrowser>>
beforeAll(async () => {
  server = await flowServer()
  browsers = await startBrowser()
})

async function allow(page: Page) {
  const { username, password } = (await server.user()).fields
  await page.fill('[name=username]', username)
  await page.fill('[name=password]', password)
  await page.click('button')
  await page.click('text="Allow"')
}

/** A site whose pages have the library. */
async function startSite() {
  const library = readFileSync(
    fileURLToPath(import.meta.resolve('oidc-client-ts/package.json')).replace(
      'package.json',
      'dist/browser/oidc-client-ts.min.js',
    ),
  )
  const site = createServer(({ url }, response) => {
    if (url === '/library.js') response.setHeader('content-type', 'text/javascript').end(library)
    else
      response
        .setHeader('content-type', 'text/html')
        .end('<!doctype html><link rel="icon" href="data:,"><script src="/library.js"></script>')
  })
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  afterAll(() => void site.close())
  return `http://127.0.0.1:${(site.address() as AddressInfo).port}`
}

test('oidc-client-ts, on a page of another origin, logs in, refreshes and revokes as it stands', async () => {
  const site = await startSite()
  const own = { origins: [site], redirectUris: [`${site}/callback`] }
  server.setClients(FLOW_CLIENTS.map((one) => (one.id === 'spa' ? { ...one, ...own } : one)))
  onTestFinished(() => server.setClients(FLOW_CLIENTS))
  const { page, faults } = await browsers.visit({ javaScriptEnabled: true })
  const settings = {
    authority: server.url,
    // Otherwise it asks for the metadata of OpenID Connect.
    metadataUrl: `${server.url}/.well-known/oauth-authorization-server`,
    client_id: 'spa',
    redirect_uri: `${site}/callback`,
    scope: 'files:read',
  }
  const inPage = (expression: string) =>
    page.evaluate(`(async (manager) => ${expression})(new oidc.UserManager(${JSON.stringify(settings)}))`)
  await page.goto(site)
  await inPage('void manager.signinRedirect()')
  await page.waitForSelector('[name=username]')
  await allow(page)
  await page.waitForURL(`${site}/callback?**`)
  const user = (await inPage('manager.signinCallback()')) as Tokens
  expect(user).toMatchObject({ scope: 'files:read', token_type: 'Bearer', access_token: expect.any(String) })
  const refreshed = (await inPage('manager.signinSilent()')) as Tokens
  expect(refreshed.access_token).not.toBe(user.access_token)
  expect(refreshed.refresh_token).not.toBe(user.refresh_token)
  expect((await server.stored(refreshed.refresh_token))?.revoked).toBeNull()
  await inPage('manager.revokeTokens()')
  expect(faults).toEqual([])
  expect((await server.stored(refreshed.refresh_token))?.revoked?.reason).toBe('logout')
})

interface Tokens {
  access_token: string
  refresh_token: string
}

test('the conformance runner of the Model Context Protocol finds no fault', async () => {
  const [port, { page }] = [await freePort(), await browsers.visit()]
  const program = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'))
  const options = ['--url', server.url, '--client-id', 'native', '-p', String(port), '--spec-version', '2026-07-28']
  const runner = spawn(process.execPath, [program, 'authorization', ...options])
  onTestFinished(() => void runner.kill())
  let out = ''
  runner.stdout.setEncoding('utf8').on('data', (chunk: string) => void (out += chunk))
  const [faults, exit] = [text(runner.stderr), once(runner, 'exit')]
  const link = () => /http\S+\/oauth2\/authorize\?\S+/.exec(out)?.[0] ?? ''
  await expect.poll(link).not.toBe('')
  await page.goto(link())
  await allow(page)
  const [code] = (await exit) as [number]
  expect({ code, faults: await faults, out }).toEqual({
    code: 0,
    faults: '',
    out: expect.stringContaining('Total: 2 passed, 0 failed'),
  })
})
