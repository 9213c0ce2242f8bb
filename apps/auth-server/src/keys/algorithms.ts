import { type KeyObject, createHash, createPublicKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'

const generate = promisify(generateKeyPair)

interface Algorithm {
  /** Node's name of the digest; null if the algorithm has its own (RFC 8032). */
  digest: string | null
  generate(bits: number): Promise<KeyObject>
  /** The members that are hashed for the thumbprint, in order (RFC 7638, section 3.2). */
  thumbprintMembers: readonly string[]
  /** Options of Node's `sign`: JWS needs an ECDSA signature as its two halves in a row (RFC 7518, section 3.4). */
  signOptions: { dsaEncoding?: 'ieee-p1363' }
  /** Whether to sign on a thread: true if a signature takes longer than the hand-over to a thread and back. */
  signsOnThread: boolean
}

/** RFC 7518, section 3, and RFC 8037. */
export const ALGORITHMS = {
  RS256: {
    digest: 'sha256',
    generate: async (bits) => (await generate('rsa', { modulusLength: bits })).privateKey,
    thumbprintMembers: ['e', 'kty', 'n'],
    signOptions: {},
    signsOnThread: true,
  },
  ES256: {
    digest: 'sha256',
    generate: async () => (await generate('ec', { namedCurve: 'P-256' })).privateKey,
    thumbprintMembers: ['crv', 'kty', 'x', 'y'],
    signOptions: { dsaEncoding: 'ieee-p1363' },
    signsOnThread: false,
  },
  EdDSA: {
    digest: null,
    generate: async () => (await generate('ed25519')).privateKey,
    thumbprintMembers: ['crv', 'kty', 'x'],
    signOptions: {},
    signsOnThread: false,
  },
} as const satisfies Record<string, Algorithm>

export type AlgorithmName = keyof typeof ALGORITHMS

export const ALGORITHM_NAMES = Object.keys(ALGORITHMS) as AlgorithmName[]

export interface PublicJwk {
  [member: string]: unknown
  kid: string
  alg: AlgorithmName
  use: 'sig'
}

/** The public key as in the JWKS (RFC 7517). Its `kid` is its thumbprint (RFC 7638). */
export function toPublicJwk(privateKey: KeyObject, alg: AlgorithmName): PublicJwk {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  const hashed = Object.fromEntries(ALGORITHMS[alg].thumbprintMembers.map((name) => [name, jwk[name]]))
  const kid = createHash('sha256').update(JSON.stringify(hashed)).digest('base64url')
  return { ...jwk, kid, alg, use: 'sig' }
}

/**
 * Makes a private key. One in 64 thumbprints starts with a dash, which `key remove <kid>` would read as an option. Such a key
 * is discarded.
 *
 * @param bits the length of an RSA key.
 */
export async function generateSigningKey(alg: AlgorithmName, bits: number): Promise<KeyObject> {
  for (;;) {
    const key = await ALGORITHMS[alg].generate(bits)
    if (!toPublicJwk(key, alg).kid.startsWith('-')) return key
  }
}
