import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { type RequestListener, type ServerResponse, createServer, request } from 'node:http'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { EXAMPLE_REALM, freePort, startService } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkTarget } from '../src/check-target.ts'

const undo: (() => Promise<void> | void)[] = []
afterAll(async () => {
  for (const step of undo.toReversed()) await step()
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  undo.push(
    () => server.closeAllConnections(),
    () => void server.close(),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function load(line: string): Promise<{ err: string; code: number | null }> {
  const report = join(tmpdir(), `heirloom-wrong-${randomBytes(6).toString('hex')}.html`)
  const child = spawn(process.execPath, ['apps/load-test/src/main.ts', ...line.split(' '), '--report', report])
  undo.push(() => void child.kill())
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const [err, code] = await Promise.all([text(child.stderr), exit, text(child.stdout)])
  return { err, code }
}

const JSON_TYPE = { 'content-type': 'application/json' }

function drip(response: ServerResponse): void {
  response.writeHead(200, JSON_TYPE)
  const timer = setInterval(() => response.write(' '), 50)
  response.on('close', () => clearInterval(timer))
}

/** What answers at the address instead, and part of the error message. */
const WRONG: [string, RequestListener, string][] = [
  ['a page', (_, to) => to.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hello</h1>'), '200 with text/html'],
  [
    'a redirect',
    (_, to) => to.writeHead(302, { location: 'https://sso.example/x?y' }).end(),
    '302, a redirect to https://sso.example (',
  ],
  ['an empty 200', (_, to) => to.writeHead(200, JSON_TYPE).end(), '200 without a body'],
  ['another service', (_, to) => to.writeHead(200, JSON_TYPE).end('{"status":"ok"}'), 'is missing or wrong'],
  ['a service without that path', (_, to) => to.writeHead(404, JSON_TYPE).end('{"error":"not_found"}'), 'answered 404'],
  ['an error', (_, to) => to.writeHead(500, JSON_TYPE).end('{"error":"server_error"}'), 'answered 500'],
  ['truncated JSON', (_, to) => to.writeHead(200, JSON_TYPE).end('{"message":"Any'), 'broken JSON'],
  ['JSON that is no object', (_, to) => to.writeHead(200, JSON_TYPE).end('null'), 'is missing or wrong'],
  [
    'the right words as text',
    (_, to) => to.end('{"message":"x","issuer":"x","jwks_uri":"x"}'),
    'no content type instead of JSON',
  ],
  ['an echo', (from, to) => to.writeHead(200, JSON_TYPE).end(JSON.stringify(from.headers)), 'is missing or wrong'],
  [
    'a connection that breaks in the middle',
    (_, to) => to.writeHead(200, { 'content-length': 9 }).write('{', () => to.destroy()),
    'does not answer',
  ],
  ['one that never answers', () => {}, 'does not answer'],
  ['a body that does not end', (_, to) => drip(to), 'its body does not end'],
]

const metadata: RequestListener = (_, to) => to.writeHead(200, JSON_TYPE).end('{"issuer":"x","jwks_uri":"x"}')

describe.concurrent('a wrong address is never a success, and one line says what is wrong', { timeout: 120_000 }, () => {
  it.each(WRONG)('%s in place of the resource API', async (_, listener, said) => {
    const [target, auth] = [await serve(listener), await serve(metadata)]
    const { err, code } = await load(`--target ${target} --auth ${auth} --clients 2 --duration 1s`)
    expect([err.split('\n').length, code]).toEqual([2, 1])
    expect(err).toContain(`load: ${target} `)
    expect(err).toContain(said)
    expect(err).toContain('--target is the resource API')
  })

  it.each(WRONG)('%s in place of the auth server', async (_, listener, said) => {
    const url = await serve(listener)
    const checked = checkTarget({ apiUrls: [url], authUrls: [url] })
    await expect(checked).rejects.toThrow(said)
    await expect(checked).rejects.toThrow(url)
  })

  it('nothing at all', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    expect(await load(`--target ${url} --auth ${url}`)).toEqual({
      err: `load: ${url} does not answer GET /.well-known/oauth-authorization-server: ECONNREFUSED (--target is the resource API, and --auth its auth server)\n`,
      code: 1,
    })
  })
})

describe('services that are right at first', { timeout: 180_000 }, () => {
  let auth: string
  let api: string
  beforeAll(async () => {
    const { databaseUrl, redisUrl } = await testStores()
    const secret = () => randomBytes(32).toString('base64')
    const secrets = { TOKEN_SECRETS: secret(), KEY_ENCRYPTION_SECRET: secret() }
    const env = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, REALM_FILE: EXAMPLE_REALM, ...secrets }
    const authServer = await startService({ script: 'apps/auth-server', env })
    undo.push(() => authServer.stop())
    await authServer.ready()
    auth = authServer.url
    const service = await startService({
      script: 'apps/resource-api',
      env: { JWKS_URI: `${auth}/.well-known/jwks.json` },
    })
    undo.push(() => service.stop())
    await service.ready()
    api = service.url
  })

  /** Forwards requests. From a number of requests on, `listener` answers those to `path`. */
  const turning = (to: string, path: string, after: number, listener: RequestListener): Promise<string> => {
    let seen = 0
    return serve((from, response) => {
      if (from.url === path && seen++ >= after) {
        from.resume()
        return listener(from, response)
      }
      const { method, headers, url } = from
      const onward = request(`${to}${url}`, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
      })
      onward.on('error', () => response.destroy())
      from.pipe(onward)
    })
  }
  const page: RequestListener = (_, to) => to.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hello</h1>')
  const run = (target: string, authUrl: string) =>
    load(`--target ${target} --auth ${authUrl} --clients 10 --think 50ms --duration 3s --profile refresh-heavy`)

  it('are a success as long as they fit', async () => {
    expect(await run(api, auth)).toMatchObject({ code: 0 })
  })

  it.each([
    ['a page', page, 'GET /api/me answered 200 with text/html instead of JSON'],
    [
      'somebody else',
      (_, to) => to.writeHead(200, JSON_TYPE).end('{"sub":"a","session_id":"b","client_id":"c","roles":[]}'),
      'with the data of another user',
    ],
  ] as [string, RequestListener, string][])('and answer with %s later', async (_, listener, said) => {
    const { err, code } = await run(await turning(api, '/api/me', 5, listener), auth)
    expect(code).toBe(1)
    expect(err).toMatch(/^Answers that do not fit the service's contract: \d+\. The first: GET \/api\/me /m)
    expect(err).toContain(said)
  })

  it('and an auth server that answers a refresh with a page', async () => {
    const { err, code } = await run(api, await turning(auth, '/auth/refresh', 0, page))
    expect(code).toBe(1)
    expect(err).toMatch(
      /Answers that do not fit the service's contract: \d+\. The first: POST \/auth\/refresh answered 200 with text\/html/,
    )
  })

  it('and a login with a page: the start fails instead of waiting for ever', async () => {
    const { err, code } = await run(api, await turning(auth, '/auth/login', 3, page))
    expect([err, code]).toEqual(['load: POST /auth/login answered 200 with text/html instead of JSON\n', 1])
  })

  it('and a resource API that trusts another auth server', async () => {
    const other = await startService({
      script: 'apps/resource-api',
      env: { JWKS_URI: `${auth}/.well-known/jwks.json`, ISSUER: 'http://127.0.0.1:9' },
    })
    undo.push(() => other.stop())
    await other.ready()
    const said = `load: ${other.url} refuses a token of ${auth}. Does it trust this issuer?\n`
    expect(await run(other.url, auth)).toEqual({ err: said, code: 1 })
  })
})
