import { once } from 'node:events'
import { createServer } from 'node:http'
import { freePort } from '@heirloom/local-stack'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runConformance, withToken } from './support/mcp/conformance.ts'
import { accessToken, authServerFor } from './support/mcp/log-in.ts'
import { fixtureServer } from './support/mcp/server.ts'

let url: string
let token: string

beforeAll(async () => {
  const port = await freePort()
  url = `http://127.0.0.1:${port}/mcp`
  const server = createServer(fixtureServer(await authServerFor(url), url))
  await once(server.listen(port, '127.0.0.1'), 'listening')
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  token = await accessToken(url)
})

const NO_TASKS = '@modelcontextprotocol/server 2.4.0 does not implement the extension io.modelcontextprotocol/tasks.'

/** The scenarios that do not pass, and why. */
const EXPECTED: Record<string, string> = {
  'tasks-lifecycle': NO_TASKS,
  'tasks-capability-negotiation': NO_TASKS,
  'tasks-wire-fields': NO_TASKS,
  'tasks-request-state-removal': NO_TASKS,
  'tasks-mrtr-input': NO_TASKS,
  'tasks-request-headers': NO_TASKS,
  'tasks-dispatch-and-envelope': NO_TASKS,
  'tasks-required-task-error': NO_TASKS,
  'tasks-mrtr-composition': NO_TASKS,
  'tasks-status-notifications': 'The runner skips it, whatever the server.',
}

// A scenario of several revisions runs in 2025-11-25 if no revision is named.
test.each([
  { options: ['--suite', 'all'], count: 65, expected: Object.keys(EXPECTED) },
  { options: ['--suite', 'all', '--spec-version', '2026-07-28'], count: 40, expected: [] },
])(
  'behind the guard, an MCP server passes what the conformance runner asks: $options',
  async ({ options, count, expected }) => {
    const proxy = await withToken(url, token)
    const results = Object.entries(await runConformance(proxy.url, options))
    expect(results).toHaveLength(count)
    const surprises = results.filter(([name, result]) => (result === 'passed') === expected.includes(name))
    expect(surprises).toEqual([])
    expect(results.map(([name]) => name)).toEqual(expect.arrayContaining(expected))

    // Without the token, no request of any scenario got through.
    const { origin } = new URL(url)
    const challenge = `Bearer scope="notes:read", resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`
    const { host } = new URL(proxy.url)
    const refused = proxy.refusals.filter((refusal) => refusal.host === host)
    expect(refused.length).toBeGreaterThan(count)
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([401]))
    expect(new Set(refused.map((refusal) => refusal.challenge))).toEqual(new Set([challenge]))
    // The rest is the one request of dns-rebinding-protection that pretends to be for another host.
    const rebound = proxy.refusals.filter((refusal) => refusal.host !== host)
    expect(rebound.map(({ host: named, status }) => ({ named, status }))).toEqual([
      { named: 'evil.example.com', status: 403 },
    ])
  },
  600_000,
)

const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'editor', version: '1.0.0' },
}

const send = (method: string, bearer: string, headers: Record<string, string> = {}, message?: object) =>
  fetch(url, {
    method,
    headers: {
      ...(bearer && { authorization: `Bearer ${bearer}` }),
      accept: 'application/json, text/event-stream',
      ...(message && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(message && { body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }) }),
  })

test('the id of a session opens it for its own user only, and never in place of a token', async () => {
  const opened = await send('POST', token, {}, { method: 'initialize', params: INITIALIZE })
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
  const other = await accessToken(url)
  const status = async (method: string, bearer: string, message?: object) => {
    const answer = await send(method, bearer, session, message)
    await answer.body?.cancel()
    return answer.status
  }
  const list = { method: 'tools/list' }
  for (const [bearer, refused] of [
    ['', 401],
    [other, 404],
  ] as const) {
    expect(await status('POST', bearer, list)).toBe(refused)
    expect(await status('GET', bearer)).toBe(refused)
    expect(await status('DELETE', bearer)).toBe(refused)
  }
  expect(await status('POST', token, list)).toBe(200)
  expect(await status('DELETE', token)).toBe(200)
  expect(await status('POST', token, list)).toBe(404)
})

test('a tool that needs one more scope says so to the client, with all scopes and the address of the metadata', async () => {
  const opened = await send('POST', token, {}, { method: 'initialize', params: INITIALIZE })
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
  const answer = await send('POST', token, session, { method: 'tools/call', params: { name: 'write', arguments: {} } })
  expect(answer.status).toBe(403)
  const challenge = answer.headers.get('www-authenticate')
  expect(challenge).toContain('error="insufficient_scope"')
  expect(challenge).toContain('scope="notes:read notes:write"')
  expect(challenge).toContain(`resource_metadata="${new URL(url).origin}/.well-known/oauth-protected-resource/mcp"`)
})
