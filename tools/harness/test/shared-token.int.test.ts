import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { shareToken } from '../src/shared-token.ts'

/** Rotates refresh tokens. A second use of one ends the session, or gets the same successor. */
async function startServer({ repeats }: { repeats: boolean }) {
  let sessions = 0
  const ended = new Set<number>()
  const redeemed = new Set<string>()
  const answer = (session: number, generation: number) => ({
    access_token: 'a token',
    token_type: 'Bearer',
    expires_in: 1,
    refresh_token: `${session}.${generation}`,
  })
  const refresh = (token: string) => {
    const [session = 0, generation = 0] = token.split('.').map(Number)
    if (redeemed.has(token) && !repeats) ended.add(session)
    redeemed.add(token)
    return ended.has(session) ? { error: 'invalid_grant' } : answer(session, generation + 1)
  }
  const server = createServer((request, response) => {
    void (async () => {
      const issuer = `http://${request.headers.host}`
      const metadata = {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['none'],
      }
      const isMetadata = request.url === '/.well-known/oauth-authorization-server'
      if (!isMetadata && request.url !== '/token') return response.writeHead(404).end()
      const token = new URLSearchParams(await text(request)).get('refresh_token') ?? ''
      const body = isMetadata ? metadata : refresh(token)
      return response
        .writeHead('error' in body ? 400 : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify(body))
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { issuer: url, urls: [url], clientId: 'cli', logIn: () => Promise.resolve(answer(++sessions, 1)) }
}

test('a server that ends the session at a second use costs logins, and one that repeats its answer costs none', async () => {
  const [strict, repeating] = await Promise.all(
    [false, true].map(async (repeats) =>
      shareToken(await startServer({ repeats }), { processes: 3, refreshes: 12, spreadMs: 0 }),
    ),
  )
  expect(strict?.refused).toBeGreaterThan(0)
  expect(strict?.logins).toBeGreaterThan(0)
  expect(repeating).toEqual({ refreshes: 12, refused: 0, unanswered: 0, logins: 0 })
})
