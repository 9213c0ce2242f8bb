import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll } from 'vitest'

/** A site of somebody else's, and what it was asked for. */
export async function listen(host: string, answer: (path: string) => string) {
  const asked: URL[] = []
  const site = createServer((request, response) => {
    const url = new URL(request.url ?? '', `http://${request.headers.host}`)
    asked.push(url)
    response
      .setHeader('content-type', 'text/html')
      .end(`<!doctype html><link rel="icon" href="data:,">${answer(url.pathname)}`)
  })
  await new Promise<void>((resolve) => site.listen(0, host, resolve))
  afterAll(() => void site.close())
  return { port: (site.address() as AddressInfo).port, asked }
}
