import { pbkdf2Sync } from 'node:crypto'
import { type HashFault, type HashKind, type ReadableHash, hashOf, isEqual, saltOf } from './hash-kind.ts'

const DIGEST_BYTES: Readonly<Record<string, number>> = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 }

/** For each block of the digest's size: about a second. */
const MAX_ITERATIONS = 2_000_000

/** A hash by its parts (RFC 8018, section 5.2), as spelt below or by another kind. Null if a part is malformed. */
export function pbkdf2Hash(
  digest: string,
  iterations: number,
  salt: Buffer | null,
  hash: Buffer | null,
): ReadableHash | HashFault | null {
  const digestBytes = DIGEST_BYTES[digest]
  if (!digestBytes || !salt || !hash || !Number.isInteger(iterations) || iterations < 1) return null
  const blocks = Math.ceil(hash.length / digestBytes)
  if (iterations * blocks > MAX_ITERATIONS)
    return {
      fault: `has ${iterations} iterations for each of ${blocks} blocks; at most ${MAX_ITERATIONS} together are accepted`,
    }
  return { matches: (password) => isEqual(pbkdf2Sync(password, salt, iterations, hash.length, digest), hash) }
}

/** PHC's string format, and passlib's, which has no name for the iterations, and none for SHA-1. */
const PHC = /^\$pbkdf2(?:-(sha\d+))?\$(?:i=)?(\d{1,9})(?:,l=\d+)?\$([^$]+)\$([^$]+)$/
/** Django. The salt is text. */
const DJANGO = /^pbkdf2_(sha\d+)\$(\d{1,9})\$([^$]+)\$([^$]+)$/
/** Werkzeug, which Flask uses. The salt is text. */
const WERKZEUG = /^pbkdf2:(sha\d+):(\d{1,9})\$([^$]+)\$([^$]+)$/

export const pbkdf2: HashKind = {
  name: 'PBKDF2',
  begins: /^\$?pbkdf2[-_:$]/,
  read(text) {
    const phc = PHC.exec(text)
    const parts = phc ?? DJANGO.exec(text) ?? WERKZEUG.exec(text)
    if (!parts) return null
    const [, digest = 'sha1', iterations, salt = '', hash = ''] = parts
    const encoding = text.startsWith('pbkdf2:') ? 'hex' : 'base64'
    return pbkdf2Hash(digest, Number(iterations), phc ? saltOf(salt) : Buffer.from(salt), hashOf(hash, encoding))
  },
}
