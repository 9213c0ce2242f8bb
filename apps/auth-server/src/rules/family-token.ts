import { type KeyObject, createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { FamilyId } from './family.ts'

// <prefix><base64url( version:1 | secret id:1 | family id:16 | generation:4, big-endian | carried | HMAC-SHA-256 tag:32 )>
const VERSION = 1
const FAMILY_AT = 2
const GENERATION_AT = 18
const CARRIED_AT = 22
const TAG_BYTES = 32
/** A generation and its successor must both fit into 4 bytes. */
const MAX_GENERATION = 0xffff_fffe

/** A kind of token that names a generation of a family: refresh tokens and authorization codes. */
interface Kind {
  prefix: string
  /** In the HKDF info of its key. Each kind has a key of its own, so that no token can be spelt as one of another kind. */
  name: 'refresh token' | 'authorization code'
  /** How many bytes a token carries besides. With a multiple of 3, no bits are left over, and a token has only one spelling. */
  carriedBytes: number
}

/** What a token says. The tag covers all of it. */
interface Content {
  family: FamilyId
  generation: number
  carried: Buffer
}

export interface FamilyTokens {
  /** Always the same token under the newest secret. `bound` is covered by the tag, and not in the token. */
  issue(content: Content, bound?: readonly string[]): string
  /** Null if this server did not issue the token, or bound it to something else. Asks no store. */
  parse(token: string, bound?: readonly string[]): Content | null
}

/**
 * @param secrets newest first, each 32 bytes or more. The first one issues tokens; all of them verify.
 * @throws RangeError if two secrets have the same id (a chance of 1 in 256). Generate another one then.
 */
export function familyTokens(secrets: readonly string[], { prefix, name, carriedBytes }: Kind): FamilyTokens {
  const tagAt = CARRIED_AT + carriedBytes
  const length = tagAt + TAG_BYTES
  const shape = new RegExp(`^${prefix}[A-Za-z0-9_-]{${(length / 3) * 4}}$`)
  const keys = new Map(secrets.map((secret) => [secretId(secret), tagKey(secret, name)]))
  if (keys.size < secrets.length) throw new RangeError('two of the secrets have the same id; make another one')
  const [newest] = keys
  if (!newest) throw new RangeError('at least one secret is needed')
  const [newestId, newestKey] = newest

  return {
    issue({ family, generation, carried }, bound = []) {
      if (generation < 1 || generation > MAX_GENERATION + 1) throw new RangeError('a generation needs 1 to 2^32 - 1')
      const bytes = Buffer.allocUnsafe(length)
      bytes[0] = VERSION
      bytes[1] = newestId
      if (bytes.write(family, FAMILY_AT, 'base64url') !== GENERATION_AT - FAMILY_AT)
        throw new RangeError('a family id is 16 bytes')
      bytes.writeUInt32BE(generation, GENERATION_AT)
      carried.copy(bytes, CARRIED_AT, 0, carriedBytes)
      tagOf(newestKey, bytes.subarray(0, tagAt), bound).copy(bytes, tagAt)
      return prefix + bytes.toString('base64url')
    },
    parse(token, bound = []) {
      if (!shape.test(token)) return null
      const bytes = Buffer.from(token.slice(prefix.length), 'base64url')
      const key = bytes[0] === VERSION ? keys.get(bytes[1] ?? -1) : undefined
      if (!key || !timingSafeEqual(tagOf(key, bytes.subarray(0, tagAt), bound), bytes.subarray(tagAt))) return null
      const generation = bytes.readUInt32BE(GENERATION_AT)
      if (generation < 1 || generation > MAX_GENERATION) return null
      const family = bytes.toString('base64url', FAMILY_AT, GENERATION_AT)
      return { family, generation, carried: bytes.subarray(CARRIED_AT, tagAt) }
    },
  }
}

function tagOf(key: KeyObject, content: Buffer, bound: readonly string[]): Buffer {
  const tag = createHmac('sha256', key).update(content)
  // With its length, so that no two lists are the same bytes.
  for (const text of bound) tag.update(`${Buffer.byteLength(text)}:`).update(text)
  return tag.digest()
}

/** HKDF (RFC 5869). The salt may be empty, since the secret is uniformly random. */
function derive(secret: string, purpose: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `heirloom ${purpose}`, length))
}

const tagKey = (secret: string, name: Kind['name']) => createSecretKey(derive(secret, `${name} tag`, 32))
/** The id depends on the secret alone. Its place in the list changes when a newer secret is put in front. */
const secretId = (secret: string) => derive(secret, 'refresh token id', 1).readUInt8()
