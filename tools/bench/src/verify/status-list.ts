import type { IncomingMessage, ServerResponse } from 'node:http'
import { deflateSync } from 'node:zlib'

/** A whole list of Heirloom. */
const ENTRIES = 2 ** 24
/** A quarter of an hour of ten logouts a second. */
const REVOKED = 9_000
/** `STATUS_TTL_SECONDS`. */
const TTL_SECONDS = 5

/** The status list of a busy issuer: somebody has logged out each time that it is asked. Never one of the first entries. */
export class BusyStatusList {
  readonly #bits = new Uint8Array(ENTRIES / 8)
  readonly #sign: (claims: object) => Promise<string>

  constructor(sign: (claims: object) => Promise<string>) {
    this.#sign = sign
    for (let i = 0; i < REVOKED; i++) this.#revokeOne()
  }

  async answer(uri: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#revokeOne()
    const iat = Math.floor(Date.now() / 1000)
    const lst = deflateSync(this.#bits, { level: 6 }).toString('base64url')
    const status_list = { bits: 1, lst }
    const token = await this.#sign({ sub: uri, iat, exp: iat + 600, ttl: TTL_SECONDS, status_list })
    response.writeHead(200, { 'content-type': 'application/statuslist+jwt', etag: `"${iat}"` }).end(token)
  }

  #revokeOne() {
    const index = ENTRIES / 2 + Math.floor((Math.random() * ENTRIES) / 2)
    this.#bits[index >>> 3] = (this.#bits[index >>> 3] ?? 0) | (1 << (index & 7))
  }
}
