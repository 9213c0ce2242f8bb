import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { freePort, startService } from '@heirloom/local-stack'
import * as current from '@modelcontextprotocol/client'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { aClient, accessToken, authServerFor, visit } from './support/mcp/log-in.ts'

const CLIENT = { name: 'editor', version: '1.0.0' }

let url: string

beforeAll(async () => {
  const port = await freePort()
  url = `http://127.0.0.1:${port}/mcp`
  const ISSUER = await authServerFor(url)
  const service = await startService({ script: 'examples/src/mcp-server.ts', env: { ISSUER, PORT: String(port) } })
  afterAll(() => service.stop())
  await vi.waitFor(() => fetch(url), { timeout: 30_000 })
})

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

/** By node:http, which lets a request have any `Host` and `Origin`. */
async function send(method: string, body = '', headers: Record<string, string> = {}) {
  const type = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const sent = request(url, { method, headers: { ...type, ...headers } }).end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) }
}

test.each(['GET', 'POST', 'DELETE', 'OPTIONS', 'PUT'])(
  'nobody reaches the server by %s without a token',
  async (method) => {
    // Nor does anybody make it read a body.
    const { status, headers, body } = await send(method, method === 'POST' ? '{"not JSON' : '')
    expect({ status, challenge: headers['www-authenticate'] }).toEqual({
      status: 401,
      challenge: `Bearer scope="notes:read", resource_metadata="${url.replace('/mcp', '/.well-known/oauth-protected-resource/mcp')}"`,
    })
    expect(JSON.parse(body)).toMatchObject({ error: 'invalid_token' })
  },
)

test('a page of another site cannot use a server on this machine, not even with a token', async () => {
  const authorization = `Bearer ${await accessToken(url)}`
  const initialize = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: CLIENT },
  })
  const status = async (headers: Record<string, string>) =>
    (await send('POST', initialize, { authorization, ...headers })).status
  expect(await status({})).toBe(200)
  expect(await status({ origin: new URL(url).origin })).toBe(200)
  expect(await status({ origin: 'http://evil.example' })).toBe(403)
  expect(await status({ host: 'evil.example' })).toBe(403)
})

test('a call of a megabyte arrives, and what is not JSON gets an error of JSON-RPC', async () => {
  const headers = { authorization: `Bearer ${await accessToken(url)}` }
  const params = { name: 'whoami', arguments: { note: 'x'.repeat(2 ** 20) } }
  const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  expect(await send('POST', call, headers)).toMatchObject({ status: 200, body: expect.stringContaining('You are') })
  const { status, body } = await send('POST', '{"not JSON', headers)
  expect({ status, ...JSON.parse(body) }).toMatchObject({ status: 400, error: { code: -32700 } })
})
