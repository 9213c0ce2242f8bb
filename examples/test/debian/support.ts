import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild } from '@heirloom/local-stack'
import { afterAll, inject, vi } from 'vitest'

export const recipe = (path: string) => fileURLToPath(new URL(`../../src/${path}`, import.meta.url))

/** A folder for this test. */
export function folder(name: string): string {
  const path = join(inject('runFolder'), name)
  mkdirSync(path, { recursive: true })
  return path
}

/** Starts a program, and waits until it answers at this address. */
export async function startProgram(url: string, env: Record<string, string>, command: string, ...args: string[]) {
  const { child } = await startChild({
    command,
    args,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
    stopSignal: 'SIGTERM',
  })
  afterAll(() => child.stop())
  await vi.waitFor(() => fetch(url), { timeout: 30_000 })
  return child
}

/** The application behind a proxy. It answers with the caller that the proxy names. */
export async function startApplication(): Promise<string> {
  const server = createServer(({ headers }, response) => response.end(JSON.stringify({ sub: headers['x-user'] })))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
