import { type SignKeyObjectInput, sign } from 'node:crypto'
import { promisify } from 'node:util'
import type { HeirloomClaims } from '@heirloom/claims'
import { ALGORITHMS } from './algorithms.ts'
import type { KeyRing, SigningKey } from './key-ring.ts'

const signInPool = promisify(sign)

/** The longest queue for a thread. At a quarter of a millisecond each, the last one waits about a tenth of a second. */
const MAX_WAITING = 512

/** Signing takes most of the time of a refresh. Too many at once are refused, and do not wait. */
export class SignerBusy extends Error {}

/** The claims of a Status List Token (draft-ietf-oauth-status-list-21, section 5.1). */
export interface StatusListClaims {
  sub: string
  iat: number
  exp: number
  ttl: number
  status_list: { bits: 1; lst: string }
}

/** The `typ` of what is signed: kinds of tokens must exclude each other (RFC 8725, section 3.11). */
type Typ = 'at+jwt' | 'statuslist+jwt'

/** Signs access tokens (RFC 9068) and status lists. RSA runs on the thread pool, off the event loop. */
export class TokenSigner {
  readonly #keys: KeyRing
  readonly #headers: Record<Typ, WeakMap<SigningKey, string>> = {
    'at+jwt': new WeakMap(),
    'statuslist+jwt': new WeakMap(),
  }
  #waiting = 0

  constructor(keys: KeyRing) {
    this.#keys = keys
  }

  get waiting(): number {
    return this.#waiting
  }

  /** @throws SignerBusy if the queue is full. */
  assertRoom(): void {
    if (this.#waiting >= MAX_WAITING) throw new SignerBusy()
  }

  async sign(claims: HeirloomClaims): Promise<string> {
    return this.#sign('at+jwt', claims)
  }

  async signStatusList(claims: StatusListClaims): Promise<string> {
    return this.#sign('statuslist+jwt', claims)
  }

  /** The key that signs at this time, in milliseconds since 1970. */
  kidAt(now: number): string {
    return this.#keys.signing(now).kid
  }

  async #sign(typ: Typ, claims: { iat: number }): Promise<string> {
    const key = this.#keys.signing(claims.iat * 1000)
    const { digest, signOptions, signsOnThread } = ALGORITHMS[key.algorithm]
    const input = `${this.#headerOf(typ, key)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
    const options = { key: key.privateKey, ...signOptions }
    const signature = signsOnThread
      ? await this.#signOnThread(digest, input, options)
      : sign(digest, Buffer.from(input), options)
    return `${input}.${signature.toString('base64url')}`
  }

  async #signOnThread(digest: string, input: string, options: SignKeyObjectInput): Promise<Buffer> {
    this.#waiting++
    try {
      return await signInPool(digest, Buffer.from(input), options)
    } finally {
      this.#waiting--
    }
  }

  #headerOf(typ: Typ, key: SigningKey): string {
    let header = this.#headers[typ].get(key)
    if (header === undefined) {
      header = Buffer.from(JSON.stringify({ alg: key.algorithm, typ, kid: key.kid })).toString('base64url')
      this.#headers[typ].set(key, header)
    }
    return header
  }
}
