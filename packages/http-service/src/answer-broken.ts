import { STATUS_CODES, maxHeaderSize } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorBody } from './error-body.ts'

/** Error codes of Node and its parser. Any other error means that the input is not an HTTP request. */
const FAULTS: Record<string, { status: number; description: string }> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, description: 'The request took too long to arrive.' },
  // The parser does not say which of the two is too long (RFC 6585, section 5).
  HPE_HEADER_OVERFLOW: {
    status: 431,
    description: `The URL and the headers together are larger than ${maxHeaderSize} bytes.`,
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, description: 'The extensions of a chunk are too large.' },
}
const NOT_HTTP = { status: 400, description: 'Not a valid HTTP request.' }

/**
 * Answers on the bare connection, because there is no request, and closes it. The answer contains none of the input, so a page
 * of any origin may read it.
 */
export function answerBroken(socket: Duplex, code?: string): void {
  const { status, description } = (code !== undefined && FAULTS[code]) || NOT_HTTP
  const body = JSON.stringify(errorBody('invalid_request', description))
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nX-Content-Type-Options: nosniff\r\n` +
      `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Access-Control-Allow-Origin: *\r\n` +
      `Connection: close\r\n\r\n${body}`,
  )
}
