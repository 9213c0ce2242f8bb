import { once } from 'node:events'
import { type RequestListener, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A server for one test. @returns its URL without a trailing slash. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Sends spaces until the connection ends. */
export function sendWithoutEnd(response: ServerResponse): { bytes: number; isClosed: boolean } {
  const sent = { bytes: 0, isClosed: false }
  const blanks = Buffer.alloc(65_536, ' ')
  const send = () => {
    do sent.bytes += blanks.length
    while (response.write(blanks))
  }
  response.on('drain', send).on('close', () => (sent.isClosed = true))
  send()
  return sent
}
