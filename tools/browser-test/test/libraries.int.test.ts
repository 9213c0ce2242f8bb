import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchBrowser } from '@heirloom/local-stack/browser'
import { type Stack, USER } from '../src/stack.ts'
import { testStack } from './test-stack.ts'

let stack: Stack
let browser: Browser
beforeAll(async () => {
  stack = await testStack()
  const add = (path: string, file: string) =>
    stack.site.files.set(path, { type: 'text/javascript', content: readFileSync(file) })
  const oidc = fileURLToPath(import.meta.resolve('oidc-client-ts/package.json'))
  add('/oidc-client-ts.js', join(dirname(oidc), 'dist/browser/oidc-client-ts.min.js'))
  add('/oauth4webapi.js', fileURLToPath(import.meta.resolve('oauth4webapi')))
  const content = `<!doctype html><link rel="icon" href="data:," /><script src="/oidc-client-ts.js"></script>`
  stack.site.files.set('/own', { type: 'text/html', content })
  browser = await launchBrowser()
  afterAll(() => browser.close())
})

/** A page of another site than the auth server's. */
async function open(): Promise<Page> {
  const page = await (await browser.newContext()).newPage()
  await page.goto(`${stack.site.foreignOrigin}/own`)
  return page
}

async function logInThere(page: Page): Promise<void> {
  await page.fill('[name=username]', USER.username)
  await page.fill('[name=password]', USER.password)
  await page.click('button')
  await page.waitForURL(`${stack.site.foreignOrigin}/own?**`)
}

const asked = () => stack.network.passed.map(({ method, path, status }) => `${method} ${path} ${status}`)

it('oidc-client-ts finds its way by the metadata, logs in, refreshes and logs out, from another origin', async () => {
  const page = await open()
  const settings = {
    authority: stack.network.url,
    metadataUrl: `${stack.network.url}/.well-known/oauth-authorization-server`,
    client_id: 'own',
    redirect_uri: `${stack.site.foreignOrigin}/own`,
    scope: 'reports:read',
  }
  const inPage = (expression: string) =>
    page.evaluate(`(async (manager) => ${expression})(new oidc.UserManager(${JSON.stringify(settings)}))`)
  await inPage('void manager.signinRedirect()')
  await page.waitForSelector('[name=username]')
  await logInThere(page)
  const user = (await inPage('manager.signinCallback()')) as Record<string, string>
  expect(user).toMatchObject({ scope: 'reports:read', token_type: 'Bearer' })
  const refreshed = (await inPage('manager.signinSilent()')) as Record<string, string>
  expect(refreshed['refresh_token']).not.toBe(user['refresh_token'])
  await inPage('manager.revokeTokens()')
  expect(asked()).toContain('POST /oauth2/revoke 200')
})

it('oauth4webapi finds its way by the metadata, logs in, refreshes and logs out, from another origin', async () => {
  const page = await open()
  const begin = `
    const oauth = await import('/oauth4webapi.js')
    const [issuer, client, none] = [new URL('${stack.network.url}'), { client_id: 'own' }, oauth.None()]
    const insecure = { [oauth.allowInsecureRequests]: true }
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }))
    const redirectUri = location.origin + '/own'`
  const inPage = <T>(script: string) => page.evaluate<T>(`(async () => { ${begin}; ${script} })()`)
  await inPage(`
    const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()]
    sessionStorage.setItem('login', JSON.stringify({ verifier, state }))
    const link = new URL(as.authorization_endpoint)
    link.search = new URLSearchParams({
      client_id: 'own', redirect_uri: redirectUri, response_type: 'code', state, code_challenge_method: 'S256',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    })
    location.assign(link)`)
  await logInThere(page)
  const outcome = await inPage(`
    const { verifier, state } = JSON.parse(sessionStorage.getItem('login'))
    const parameters = oauth.validateAuthResponse(as, client, new URL(location.href), state)
    const code = await oauth.authorizationCodeGrantRequest(as, client, none, parameters, redirectUri, verifier, insecure)
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, code)
    const again = await oauth.refreshTokenGrantRequest(as, client, none, tokens.refresh_token, insecure)
    const next = await oauth.processRefreshTokenResponse(as, client, again)
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, none, next.refresh_token, insecure))
    const me = await fetch('/api/me', { headers: { authorization: 'Bearer ' + next.access_token } })
    const late = await oauth.refreshTokenGrantRequest(as, client, none, next.refresh_token, insecure)
    const refused = await oauth.processRefreshTokenResponse(as, client, late).catch(({ error }) => error)
    return [tokens.refresh_token !== next.refresh_token, me.status !== 500, refused]`)
  expect(outcome).toEqual([true, true, 'invalid_grant'])
})
