import { generateKeyPairSync, sign } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { STATUS_STORY, endedBy } from './status-story.ts'

/** `STATUS_TTL_SECONDS`. */
export const TTL_SECONDS = 5
const RESIGN_SECONDS = 300
const EXP_SECONDS = 600
/** What a replica of the simulation keeps. Ten thousand whole lists would need 20 GB. */
const SIMULATED_ENTRIES = 2 ** 14
/** A list of the auth server with up to half a million sessions, which the bytes are counted by. */
const REAL_ENTRIES = 2 ** 20
/** Status line and headers, as the auth server sends them. */
const HEADER_BYTES = 350

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const statusJwk = { ...publicKey.export({ format: 'jwk' }), kid: 'key', alg: 'RS256', use: 'sig' }

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

export function signed(typ: string, claims: object): string {
  const input = `${encode({ alg: 'RS256', typ, kid: 'key' })}.${encode(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
}

/** Every `step`th entry, up to so many. */
const packed = (entries: number, set: number, step: number) => {
  const bits = new Uint8Array(entries / 8)
  for (let nth = 0; nth < set; nth++) {
    const index = (nth * step) % entries
    bits[index >>> 3] = (bits[index >>> 3] ?? 0) | (1 << (index & 7))
  }
  return deflateSync(bits, { level: 6 }).toString('base64url')
}

interface Version {
  readonly token: string
  readonly bytes: number
}

/** The status list of an issuer, as its auth servers publish it: signed anew on a change, at most once a second. */
export class StatusEndpoint {
  readonly #uri: string
  readonly #now: () => number
  readonly #onAnswer: (second: number, bytes: number) => void
  readonly #versions = new Map<string, Version>()

  /** @param now in milliseconds. */
  constructor(uri: string, now: () => number, onAnswer: (second: number, bytes: number) => void) {
    this.#uri = uri
    this.#now = now
    this.#onAnswer = onAnswer
  }

  readonly fetch: typeof globalThis.fetch = async (_url, init) => {
    const second = Math.floor(this.#now() / 1000)
    const { from, to } = STATUS_STORY.outage
    if (from <= second && second < to) {
      this.#onAnswer(second, 0)
      throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
    }
    const etag = `"${endedBy(second)}-${Math.floor(second / RESIGN_SECONDS)}"`
    if ((init?.headers as Record<string, string> | undefined)?.['if-none-match'] === etag) {
      this.#onAnswer(second, HEADER_BYTES)
      return new Response(null, { status: 304, headers: { etag } })
    }
    const version = this.#versions.get(etag) ?? this.#make(second)
    this.#versions.set(etag, version)
    this.#onAnswer(second, HEADER_BYTES + version.bytes)
    return new Response(version.token, { headers: { etag } })
  }

  #make(second: number): Version {
    const ended = endedBy(second)
    const claims = { sub: this.#uri, iat: second, exp: second + EXP_SECONDS, ttl: TTL_SECONDS }
    const listOf = (lst: string) => signed('statuslist+jwt', { ...claims, status_list: { bits: 1, lst } })
    // A prime apart, so that they compress as badly as random ones.
    return {
      token: listOf(packed(SIMULATED_ENTRIES, ended, 1)),
      bytes: listOf(packed(REAL_ENTRIES, ended, 7_919)).length,
    }
  }
}
