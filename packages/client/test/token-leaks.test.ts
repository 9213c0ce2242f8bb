import { expect, it } from 'vitest'
import { createClient, memoryStore } from '../src/index.ts'
import { sendWithoutEnd, serve } from './servers.ts'
import { loggedIn } from './virtual-world.ts'

/** A client that calls a real service with an old session. */
async function calling(resource: string, timeoutMs = 500) {
  const store = memoryStore()
  const now = Date.now()
  await store.save({
    sessionId: 's',
    scope: '',
    accessToken: 'the-token',
    refreshToken: 'r',
    receivedAt: now - 60_000,
    expiresAt: now + 600_000,
  })
  return createClient({ authServer: 'http://127.0.0.1:1', resources: [resource], store, timeoutMs, retryForMs: 0 })
}

it.each(['data:text/plain,x', 'file:///etc/passwd', 'app://api/', 'about:blank', 'blob:https://api.example/1'])(
  'the token does not go to %s',
  async (url) => {
    const { world, client } = await loggedIn()
    await expect(client.fetch(url)).rejects.toMatchObject({ code: 'address_not_allowed' })
    expect(world.requests).toHaveLength(1)
  },
)

it.each([301, 302, 303, 307, 308])('a redirect (%i) does not carry the token on', async (status) => {
  const got: (string | undefined)[] = []
  const elsewhere = await serve(
    (request, response) => void (got.push(request.headers.authorization), response.end('{}')),
  )
  const url = await serve((_request, response) => void response.writeHead(status, { location: elsewhere }).end())
  const client = await calling(url)
  await expect(client.fetch(url)).rejects.toMatchObject({ code: 'redirected' })
  expect(got).toEqual([])
  // With `redirect: follow` the platform follows, and drops the token.
  expect((await client.fetch(url, { redirect: 'follow' })).status).toBe(200)
  expect(got).toEqual([undefined])
  expect((await client.fetch(url, { redirect: 'manual' })).status).toBe(status)
})

it.each(['application/json', 'text/html', undefined])(
  'a 401 of type %s whose body does not end is answered, and little of it is read',
  async (type) => {
    let sent = { bytes: 0, isClosed: false }
    const url = await serve((_request, response) => {
      response.writeHead(401, type === undefined ? {} : { 'content-type': type })
      sent = sendWithoutEnd(response)
    })
    const response = await (await calling(url)).fetch(url)
    expect(response.status).toBe(401)
    expect(sent.bytes).toBeLessThan(20_000_000)
    await response.body?.cancel()
    await expect.poll(() => sent.isClosed).toBe(true)
  },
)

it('a 401 whose body stalls is answered', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(401, { 'content-type': 'application/json' }).write('{"error":')
  })
  const response = await (await calling(url, 50)).fetch(url)
  expect(response.status).toBe(401)
  await response.body?.cancel()
})

it.each([200, 400, 401, 404, 503])('an endless answer (%i) of the auth server is abandoned', async (status) => {
  let sent = { bytes: 0, isClosed: false }
  const url = await serve((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    sent = sendWithoutEnd(response)
  })
  const client = createClient({ authServer: url, resources: [] })
  const code = status === 404 ? 'misconfigured' : 'unavailable'
  await expect(client.login({ username: 'ann', password: 'x' })).rejects.toMatchObject({ code })
  await expect.poll(() => sent.isClosed).toBe(true)
  expect(sent.bytes).toBeLessThan(20_000_000)
})
