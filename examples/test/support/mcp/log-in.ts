import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Browser, type PageAnswer } from '@heirloom/auth-server/testing/browser'
import { PASSWORD, testServer } from '@heirloom/auth-server/testing'
import { freePort } from '@heirloom/local-stack'
import * as mcp from '@modelcontextprotocol/client'
import { expect, inject } from 'vitest'

const REDIRECT = 'http://127.0.0.1:43217/callback'

/** An auth server whose realm has an MCP server at `url`, and where users may register themselves. Returns its issuer. */
export async function authServerFor(url: string): Promise<string> {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const realm = readFileSync(fileURLToPath(new URL('../../../src/mcp-realm.yaml', import.meta.url)), 'utf8')
  const REALM_FILE = join(inject('runFolder'), `mcp-realm-${port}.yaml`)
  writeFileSync(REALM_FILE, `${realm.replaceAll('http://127.0.0.1:3000/mcp', url)}\ndefault_roles: [note-reader]\n`)
  await testServer({ ISSUER: issuer, PORT: String(port), REALM_FILE, REGISTRATION: 'open' })
  return issuer
}

let users = 0

/** What a user does in a browser: registered before, follows the link, logs in and allows it. */
export async function visit(link: URL): Promise<{ sub: string; callback: URLSearchParams }> {
  const username = `user-${++users}`
  const body = JSON.stringify({ username, password: PASSWORD })
  const headers = { 'content-type': 'application/json' }
  const registered = await fetch(`${link.origin}/auth/register`, { method: 'POST', headers, body })
  const { id } = (await registered.json()) as { id: string }
  const browser = new Browser(link.origin)
  let page: PageAnswer = await browser.get(link.pathname + link.search)
  page = await browser.submit(page, { username, password: PASSWORD })
  expect(page.text).toContain('Read your notes')
  page = await browser.submit(page, { decision: 'allow' })
  const callback = new URL(page.location ?? '')
  expect(callback.origin + callback.pathname).toBe(REDIRECT)
  return { sub: id, callback: callback.searchParams }
}

/** A client that knows nothing but its id, and keeps what it is told in memory. */
export function aClient() {
  const kept: { link?: URL; tokens?: mcp.StoredOAuthTokens; verifier?: string; discovered?: mcp.OAuthDiscoveryState } =
    {}
  const provider: mcp.OAuthClientProvider = {
    redirectUrl: REDIRECT,
    clientMetadata: { redirect_uris: [REDIRECT] },
    clientInformation: () => ({ client_id: 'editor' }),
    tokens: () => kept.tokens,
    saveTokens: (tokens) => void (kept.tokens = tokens),
    redirectToAuthorization: (link) => void (kept.link = link),
    saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
    codeVerifier: () => kept.verifier ?? '',
    saveDiscoveryState: (state) => void (kept.discovered = state),
    discoveryState: () => kept.discovered,
  }
  return { kept, provider }
}

/** The access token of a new user for the MCP server at `url`, as a client gets it that was told the address. */
export async function accessToken(url: string): Promise<string> {
  const { kept, provider } = aClient()
  await mcp.auth(provider, { serverUrl: url })
  const { callback } = await visit(kept.link ?? new URL(''))
  await new mcp.StreamableHTTPClientTransport(new URL(url), { authProvider: provider }).finishAuth(callback)
  return kept.tokens?.access_token ?? ''
}
