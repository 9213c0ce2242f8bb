import { type KeyObject, createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { FamilyId } from './family.ts'

// hrt_<base64url( version:1 | secret id:1 | family id:16 | generation:4, big-endian | HMAC-SHA-256 tag:32 )>
const PREFIX = 'hrt_'
const VERSION = 1
const FAMILY_AT = 2
const GENERATION_AT = 18
const TAG_AT = 22
const LENGTH = 54
/** 54 bytes are exactly 72 characters. No bits are left over, so a token has only one spelling. */
const SHAPE = /^hrt_[A-Za-z0-9_-]{72}$/
/** A generation and its successor must both fit into 4 bytes. */
const MAX_GENERATION = 0xffff_fffe

export interface RefreshTokens {
  /** The token of this family and generation. It is always the same under the newest secret. */
  issue(family: FamilyId, generation: number): string
  /** The family and generation of a token, or null if this server did not issue it. Asks no store. */
  parse(token: string): { family: FamilyId; generation: number } | null
}

/**
 * @param secrets newest first, each 32 bytes or more. The first one issues tokens; all of them verify.
 * @throws RangeError if two secrets have the same id (a chance of 1 in 256). Generate another one then.
 */
export function refreshTokens(secrets: readonly string[]): RefreshTokens {
  const keys = new Map(secrets.map((secret) => [secretId(secret), tagKey(secret)]))
  if (keys.size < secrets.length) throw new RangeError('two of the secrets have the same id; make another one')
  const [newest] = keys
  if (!newest) throw new RangeError('at least one secret is needed')
  const [newestId, newestKey] = newest

  return {
    issue(family, generation) {
      if (generation < 1 || generation > MAX_GENERATION + 1) throw new RangeError('a generation needs 1 to 2^32 - 1')
      const bytes = Buffer.allocUnsafe(LENGTH)
      bytes[0] = VERSION
      bytes[1] = newestId
      if (bytes.write(family, FAMILY_AT, 'base64url') !== GENERATION_AT - FAMILY_AT)
        throw new RangeError('a family id is 16 bytes')
      bytes.writeUInt32BE(generation, GENERATION_AT)
      tagOf(newestKey, bytes).copy(bytes, TAG_AT)
      return PREFIX + bytes.toString('base64url')
    },
    parse(token) {
      if (!SHAPE.test(token)) return null
      const bytes = Buffer.from(token.slice(PREFIX.length), 'base64url')
      const key = bytes[0] === VERSION ? keys.get(bytes[1] ?? -1) : undefined
      if (!key || !timingSafeEqual(tagOf(key, bytes), bytes.subarray(TAG_AT))) return null
      const generation = bytes.readUInt32BE(GENERATION_AT)
      if (generation < 1 || generation > MAX_GENERATION) return null
      return { family: bytes.toString('base64url', FAMILY_AT, GENERATION_AT), generation }
    },
  }
}

function tagOf(key: KeyObject, bytes: Buffer): Buffer {
  return createHmac('sha256', key).update(bytes.subarray(0, TAG_AT)).digest()
}

/** HKDF (RFC 5869). The salt may be empty, since the secret is uniformly random. */
function derive(secret: string, purpose: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `heirloom refresh token ${purpose}`, length))
}

const tagKey = (secret: string) => createSecretKey(derive(secret, 'tag', 32))
/** The id depends on the secret alone. Its place in the list changes when a newer secret is put in front. */
const secretId = (secret: string) => derive(secret, 'id', 1).readUInt8()
