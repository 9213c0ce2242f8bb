import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { type ServerResponse, createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@heirloom/local-stack'
import { expect, it, onTestFinished, vi } from 'vitest'
import { startBalancer } from '../src/stack/balancer.ts'

/** A PATH with a shell and this program. Undefined if it is not installed. */
function pathWith(program: string, folder: string): string | undefined {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const name of ['sh', 'kill', program]) {
    const found = spawnSync('sh', ['-c', `command -v ${name}`])
      .stdout.toString()
      .trim()
    if (found.startsWith('/')) symlinkSync(found, join(bin, name))
    else if (name === program) return undefined
  }
  return bin
}

/** Shorter than a balancer waits for a server. */
const timeout = 10_000

it.for(['haproxy', 'nginx'])(
  'behind %s, a client that gives up is gone at the server',
  { timeout },
  async (program, { skip }) => {
    const folder = mkdtempSync(join(tmpdir(), 'heirloom-balancer-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const path = pathWith(program, folder)
    if (!path) return skip(`there is no ${program} on the PATH`)
    vi.stubEnv('PATH', path)
    onTestFinished(() => void vi.unstubAllEnvs())

    const hanging: ServerResponse[] = []
    const server = createServer((request, response) => {
      if (request.method === 'GET') response.end()
      else hanging.push(response)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => server.close().closeAllConnections())
    const urls = [`http://127.0.0.1:${(server.address() as AddressInfo).port}`]
    const ports = { api: await freePort(), auth: await freePort() }
    const balancer = await startBalancer({ apiUrls: urls, authUrls: urls, ports, folder })
    onTestFinished(() => balancer?.stop())
    expect(balancer?.name).toBe(program)

    const gone = new AbortController()
    const answer = fetch(`${balancer?.authUrl}/auth/refresh`, { method: 'POST', body: '{}', signal: gone.signal })
    answer.catch(() => undefined)
    await expect.poll(() => hanging.length).toBe(1)
    gone.abort()
    await once(hanging[0] as ServerResponse, 'close')
    expect(hanging).toHaveLength(1)
  },
)

it('the configuration of the shipped proxy has the same option', () => {
  const shipped = readFileSync(new URL('../../../deploy/proxy/haproxy.cfg', import.meta.url), 'utf8')
  expect(shipped).toMatch(/^ {2}option abortonclose$/m)
})
