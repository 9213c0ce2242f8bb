import { type KeyObject, createPublicKey } from 'node:crypto'
import { ALGORITHMS, type Algorithm } from './algorithms.ts'

/** A public key that has passed every check, bound to one algorithm (RFC 8725, section 3.1). */
export interface VerificationKey {
  readonly kid: string
  readonly algorithm: Algorithm
  readonly publicKey: KeyObject
}

export type ImportedKey =
  { readonly ok: true; readonly key: VerificationKey } | { readonly ok: false; readonly reason: string }

const RSA_BITS = { least: 2048, most: 8192 } // RFC 7518, section 3.3; NIST SP 800-57
const RSA_EXPONENT = { least: 65_537n, most: 2n ** 64n } // NIST FIPS 186-5, section A.1.1
const MAX_KID_LENGTH = 256

/**
 * Makes a verification key from a JWK (RFC 7517), or explains why it cannot be one. A key must clearly be meant to verify
 * signatures.
 * @param algorithms those that the service allows. The key's `alg`, or else its type, selects one of them.
 */
export function importKey(jwk: unknown, algorithms: readonly Algorithm[]): ImportedKey {
  if (typeof jwk !== 'object' || jwk === null) return unusable('not an object')
  const { kid, use, key_ops, alg, d, k } = jwk as Record<string, unknown>
  if (typeof kid !== 'string' || kid === '' || kid.length > MAX_KID_LENGTH) return unusable('no usable kid')
  if (use !== undefined && use !== 'sig') return unusable('not for signatures')
  if (key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes('verify'))) {
    return unusable('not for verification')
  }
  // A secret that anyone can fetch is not secret.
  if (d !== undefined || k !== undefined) return unusable('contains a secret')

  const fitting = algorithms.filter((name) => ALGORITHMS[name].fits(jwk))
  const algorithm = alg === undefined && fitting.length === 1 ? fitting[0] : fitting.find((name) => name === alg)
  if (!algorithm) return unusable('not for exactly one allowed algorithm')

  try {
    // Refuses points that are not on the curve (RFC 8725, section 3.4).
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
    const weakness = weaknessOf(publicKey)
    return weakness ? unusable(weakness) : { ok: true, key: { kid, algorithm, publicKey } }
  } catch {
    return unusable('not a key')
  }
}

function weaknessOf(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType !== 'rsa') return undefined
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (modulusLength < RSA_BITS.least) return 'too short'
  if (modulusLength > RSA_BITS.most) return 'too long'
  if (publicExponent < RSA_EXPONENT.least || publicExponent > RSA_EXPONENT.most || publicExponent % 2n === 0n) {
    return 'a weak exponent'
  }
  return undefined
}

const unusable = (reason: string): ImportedKey => ({ ok: false, reason })

export function isSameKey(one: VerificationKey, other: VerificationKey): boolean {
  return one.algorithm === other.algorithm && one.publicKey.equals(other.publicKey)
}
