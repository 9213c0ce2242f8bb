import { generateKeyPairSync } from 'node:crypto'
import { isAway, publishedKids } from './story.ts'

/** `JWKS_MAX_AGE_SECONDS`. */
export const MAX_AGE_SECONDS = 300

const jwks = Object.fromEntries(
  ['old', 'new'].map((kid) => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    return [kid, { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }]
  }),
)

/**
 * The issuer's key set as its auth servers publish it, with ETag and max-age, without delay. In an outage every connection is
 * refused at once, which makes clients retry most often.
 */
export class Endpoint {
  readonly #now: () => number
  readonly #onAsk: (second: number) => void

  /** @param now in milliseconds. */
  constructor(now: () => number, onAsk: (second: number) => void) {
    this.#now = now
    this.#onAsk = onAsk
  }

  /** The ids of the published keys, or undefined while the issuer is down. */
  ask(): readonly string[] | undefined {
    const second = Math.floor(this.#now() / 1000)
    this.#onAsk(second)
    return isAway(second) ? undefined : publishedKids(second)
  }

  /** The same as an HTTP response. */
  readonly fetch: typeof globalThis.fetch = async (_url, init) => {
    const kids = this.ask()
    if (!kids) throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
    const etag = `"${kids.join()}"`
    const headers = { etag, 'cache-control': `public, max-age=${MAX_AGE_SECONDS}` }
    if ((init?.headers as Record<string, string> | undefined)?.['if-none-match'] === etag)
      return new Response(null, { status: 304, headers })
    return Response.json({ keys: kids.map((kid) => jwks[kid]) }, { headers })
  }
}
