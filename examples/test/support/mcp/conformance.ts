import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { type IncomingHttpHeaders, type IncomingMessage, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, inject } from 'vitest'

export interface Refusal {
  readonly host: string | undefined
  readonly status: number | undefined
  readonly challenge: string | undefined
}

/**
 * The conformance runner cannot send a token. This address sends each request twice: as it came, whose answer goes to
 * `refusals`, and with the token.
 */
export async function withToken(url: string, token: string): Promise<{ url: string; refusals: Refusal[] }> {
  const refusals: Refusal[] = []
  const send = async (method: string | undefined, headers: IncomingHttpHeaders, body: Buffer) => {
    const sent = request(url, { method, headers }).end(body)
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    return answer
  }
  const proxy = createServer((from, to) => {
    void (async () => {
      const { method, headers } = from
      const body = await buffer(from)
      const refused = await send(method, headers, body)
      const { statusCode: status, headers: answered } = refused.resume()
      refusals.push({ host: headers.host, status, challenge: answered['www-authenticate'] })
      const answer = await send(method, { ...headers, authorization: `Bearer ${token}` }, body)
      to.on('close', () => answer.destroy())
      to.writeHead(answer.statusCode ?? 502, answer.headers)
      to.flushHeaders()
      answer.pipe(to)
    })().catch(() => to.destroy())
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  afterAll(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`, refusals }
}

/** Runs a suite of the conformance runner. Returns what became of each scenario: `passed`, `skipped`, or the failed checks. */
export async function runConformance(url: string, options: readonly string[]): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(inject('runFolder'), 'conformance-'))
  const program = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'))
  const runner = spawn(process.execPath, [program, 'server', '--url', url, '-o', folder, ...options])
  const [out] = await Promise.all([text(runner.stdout), text(runner.stderr)])
  const scenarios = [...out.matchAll(/^=== Running scenario: (\S+) ===$/gm)].map(([, scenario = '']) => scenario)
  const folders = readdirSync(folder)
  return Object.fromEntries(
    scenarios.map((scenario) => {
      const name = folders.find((entry) => entry.replace(/-\d{4}-\d\d-\d\dT.*$/, '') === `server-${scenario}`)
      if (name === undefined) return [scenario, 'failed to run']
      const checks = JSON.parse(readFileSync(join(folder, name, 'checks.json'), 'utf8')) as Check[]
      return [scenario, judge(checks)]
    }),
  )
}

interface Check {
  id: string
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  errorMessage?: string
}

function judge(checks: Check[]): string {
  const failed = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
  if (failed.length > 0) return failed.map(({ id, errorMessage }) => `${id}: ${errorMessage}`).join('\n')
  return checks.some(({ status }) => status === 'SUCCESS') ? 'passed' : 'skipped'
}
