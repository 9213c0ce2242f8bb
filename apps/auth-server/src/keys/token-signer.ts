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

/** Signs access tokens (RFC 9068). RSA runs on the thread pool, off the event loop. */
export class TokenSigner {
  readonly #keys: KeyRing
  readonly #headers = new WeakMap<SigningKey, string>()
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
    const key = this.#keys.signing(claims.iat * 1000)
    const { digest, signOptions, signsOnThread } = ALGORITHMS[key.algorithm]
    const input = `${this.#headerOf(key)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
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

  #headerOf(key: SigningKey): string {
    let header = this.#headers.get(key)
    if (header === undefined) {
      header = Buffer.from(JSON.stringify({ alg: key.algorithm, typ: 'at+jwt', kid: key.kid })).toString('base64url')
      this.#headers.set(key, header)
    }
    return header
  }
}
