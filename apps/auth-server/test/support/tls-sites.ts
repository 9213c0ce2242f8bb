import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type IncomingMessage, request as forward } from 'node:http'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { afterAll, inject } from 'vitest'

/**
 * All sites by one server: the auth server behind TLS at the name that begins with `auth.`, and an empty page at every other.
 * @param asked hears of each request to the auth server, and of its end.
 */
export function startTlsSites(
  port: number,
  authUrl: string,
  asked: { begins?(request: IncomingMessage): void; ends?(): void } = {},
): void {
  const file = join(inject('runFolder'), `sites-${port}`)
  const certificate = ['-keyout', `${file}.key`, '-out', `${file}.pem`]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=test', ...certificate], {
    stdio: 'ignore',
  })
  const tls = { key: readFileSync(`${file}.key`), cert: readFileSync(`${file}.pem`) }
  const sites = createServer(tls, (request, response) => {
    const { url = '/', method, headers } = request
    if (!headers.host?.startsWith('auth.')) {
      const to = new URL(url, 'https://site.test').searchParams.get('to')
      // 307 repeats the request, with its method and its body.
      if (to !== null) return response.writeHead(307, { location: to, 'access-control-allow-origin': '*' }).end()
      return response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Page</title><body>')
    }
    asked.begins?.(request)
    response.once('close', () => asked.ends?.())
    const upstream = forward({ port: new URL(authUrl).port, path: url, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    upstream.on('error', () => response.destroy())
    request.pipe(upstream)
  })
  sites.listen(port, '127.0.0.1')
  afterAll(() => {
    sites.closeAllConnections()
    sites.close()
  })
}
