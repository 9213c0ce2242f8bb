import { type KeyObject, constants, verify } from 'node:crypto'

interface KeyType {
  readonly kty?: unknown
  readonly crv?: unknown
}

interface AlgorithmRule {
  /** Whether this algorithm uses keys of this type and curve. */
  readonly fits: (jwk: KeyType) => boolean
  readonly verify: (input: Buffer, key: KeyObject, signature: Buffer) => boolean
}

const isRsa = (jwk: KeyType) => jwk.kty === 'RSA'
const isEd25519 = (jwk: KeyType) => jwk.kty === 'OKP' && jwk.crv === 'Ed25519'
const verifyEd25519 = (input: Buffer, key: KeyObject, signature: Buffer) => verify(null, input, key, signature)

/** Public-key signatures only, so that no public key can be used as the secret of a symmetric algorithm. */
const RULES = {
  /** RFC 7518, section 3.3. */
  RS256: { fits: isRsa, verify: (input, key, signature) => verify('sha256', input, key, signature) },
  /** RFC 7518, section 3.5: the salt is as long as the hash. OpenSSL would accept a signature without its leading zeros. */
  PS256: {
    fits: isRsa,
    verify: (input, key, signature) =>
      signature.length === Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8) &&
      verify('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature),
  },
  /** RFC 7518, section 3.4: r and s, 32 bytes each, not in DER. */
  ES256: {
    fits: (jwk) => jwk.kty === 'EC' && jwk.crv === 'P-256',
    verify: (input, key, signature) =>
      signature.length === 64 && verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature),
  },
  /** RFC 8037, section 3.1. RFC 9864 calls the same algorithm Ed25519. */
  EdDSA: { fits: isEd25519, verify: verifyEd25519 },
  Ed25519: { fits: isEd25519, verify: verifyEd25519 },
} satisfies Record<string, AlgorithmRule>

export type Algorithm = keyof typeof RULES

export const ALGORITHMS: Readonly<Record<Algorithm, AlgorithmRule>> = RULES
