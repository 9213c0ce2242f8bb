import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Browser, type PageAnswer } from '@heirloom/auth-server/testing/browser'
import { PASSWORD, testServer } from '@heirloom/auth-server/testing'
import { freePort, startService } from '@heirloom/local-stack'
import * as current from '@modelcontextprotocol/client'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'

const CLIENT = { name: 'editor', version: '1.0.0' }
const REDIRECT = 'http://127.0.0.1:43217/callback'

let issuer: string
let url: string

beforeAll(async () => {
  const [authPort, port] = [await freePort(), await freePort()]
  issuer = `http://127.0.0.1:${authPort}`
  url = `http://127.0.0.1:${port}/mcp`
  const realm = readFileSync(fileURLToPath(new URL('../src/mcp-realm.yaml', import.meta.url)), 'utf8')
  const REALM_FILE = join(inject('runFolder'), 'mcp-realm.yaml')
  writeFileSync(REALM_FILE, `${realm.replaceAll('http://127.0.0.1:3000/mcp', url)}\ndefault_roles: [note-reader]\n`)
  await testServer({ ISSUER: issuer, PORT: String(authPort), REALM_FILE, REGISTRATION: 'open' })
  const service = await startService({
    script: 'examples/src/mcp-server.ts',
    env: { ISSUER: issuer, PORT: String(port) },
  })
  afterAll(() => service.stop())
  await vi.waitFor(() => fetch(url), { timeout: 30_000 })
})

let users = 0

/** What a user does in a browser: registered before, follows the link, logs in and allows it. */
async function visit(link: URL): Promise<{ sub: string; callback: URLSearchParams }> {
  const username = `user-${++users}`
  const body = JSON.stringify({ username, password: PASSWORD })
  const headers = { 'content-type': 'application/json' }
  const registered = await fetch(`${issuer}/auth/register`, { method: 'POST', headers, body })
  const { id } = (await registered.json()) as { id: string }
  const browser = new Browser(issuer)
  let page: PageAnswer = await browser.get(link.pathname + link.search)
  page = await browser.submit(page, { username, password: PASSWORD })
  expect(page.text).toContain('Read your notes')
  page = await browser.submit(page, { decision: 'allow' })
  const callback = new URL(page.location ?? '')
  expect(callback.origin + callback.pathname).toBe(REDIRECT)
  return { sub: id, callback: callback.searchParams }
}

/** A client that knows nothing but its id, and keeps what it is told in memory. */
function aClient() {
  const kept: {
    link?: URL
    tokens?: current.StoredOAuthTokens
    verifier?: string
    discovered?: current.OAuthDiscoveryState
  } = {}
  const provider: current.OAuthClientProvider = {
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

test('the current MCP client goes from a bare 401 to a tool call, and refreshes', async () => {
  const { kept, provider } = aClient()
  const transport = () => new current.StreamableHTTPClientTransport(new URL(url), { authProvider: provider })
  const first = transport()
  await expect(new current.Client(CLIENT).connect(first)).rejects.toThrow(current.UnauthorizedError)
  expect(kept.link?.searchParams.get('resource')).toBe(url)
  expect(kept.link?.searchParams.get('scope')).toBe('notes:read')

  const { sub, callback } = await visit(kept.link ?? new URL(''))
  await first.finishAuth(callback)
  const client = new current.Client(CLIENT)
  await client.connect(transport())
  const whoami = () => client.callTool({ name: 'whoami', arguments: {} })
  expect(await whoami()).toMatchObject({ content: [{ text: `You are ${sub}.` }] })

  const before = kept.tokens?.refresh_token
  expect(await current.auth(provider, { serverUrl: url })).toBe('AUTHORIZED')
  expect(kept.tokens?.refresh_token).not.toBe(before)
  expect(await whoami()).toMatchObject({ content: [{ text: `You are ${sub}.` }] })
  await client.close()
})

test('the older SDK goes from a bare 401 to a tool call', async () => {
  const { kept, provider } = aClient()
  // It has no discovery state, and the types of both are alike but for that.
  const authProvider = provider as NonNullable<ConstructorParameters<typeof OlderTransport>[1]>['authProvider']
  const transport = () => new OlderTransport(new URL(url), { ...(authProvider && { authProvider }) })
  const first = transport()
  await expect(new OlderClient(CLIENT).connect(first)).rejects.toThrow(/unauthorized/i)
  const { sub, callback } = await visit(kept.link ?? new URL(''))
  await first.finishAuth(callback.get('code') ?? '')
  const client = new OlderClient(CLIENT)
  await client.connect(transport())
  expect(await client.callTool({ name: 'whoami', arguments: {} })).toMatchObject({
    content: [{ text: `You are ${sub}.` }],
  })
  await client.close()
})

/** The conformance runner cannot send a token. This address adds that of a user to each request. */
async function withToken(): Promise<string> {
  const { kept, provider } = aClient()
  await current.auth(provider, { serverUrl: url })
  const { callback } = await visit(kept.link ?? new URL(''))
  await new current.StreamableHTTPClientTransport(new URL(url), { authProvider: provider }).finishAuth(callback)
  const proxy = createServer((from, to) => {
    const headers = { ...from.headers, authorization: `Bearer ${kept.tokens?.access_token}` }
    from.pipe(
      request(url, { method: from.method, headers }, (answer) => {
        to.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(to)
      }),
    )
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  afterAll(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`
}

// Other scenarios ask for tools, resources and prompts that only a server made for the runner has.
test.each([
  ['--suite active', ['server-initialize', 'ping', 'tools-list', 'dns-rebinding-protection']],
  [
    '--requirements 2026-07-28',
    [
      'tools-list',
      'server-sse-multiple-streams',
      'sep-2164-resource-not-found',
      'dns-rebinding-protection',
      'http-header-validation',
      'input-required-result-unsupported-methods',
    ],
  ],
])('the MCP conformance runner finds no fault in what every server has: %s', async (options, scenarios) => {
  const program = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'))
  const line = [program, 'server', '--url', await withToken(), ...options.split(' ')]
  const out = await text(spawn(process.execPath, line).stdout)
  const passed = [...out.matchAll(/^✓ (\S+): [1-9]\d* passed, 0 failed$/gm)].map(([, name]) => name)
  expect(passed).toEqual(expect.arrayContaining(scenarios))
})
