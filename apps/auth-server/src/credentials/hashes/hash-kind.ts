import { timingSafeEqual } from 'node:crypto'

/** A hash that was read. */
export interface ReadableHash {
  /** Computes, for up to a second, on the thread that calls it. */
  matches: (password: string) => boolean
}

/** Why a hash cannot be used: it follows the words "the hash". */
export interface HashFault {
  fault: string
}

/** One kind of password hash, in all the spellings that other systems give it. */
export interface HashKind {
  readonly name: string
  /** How its spellings begin. */
  readonly begins: RegExp
  /** Reads a text that begins so. Null if the rest of it is malformed. It computes nothing. */
  read: (text: string) => ReadableHash | HashFault | null
}

/** A shorter one would be matched by chance, and an empty one by everybody. */
const LEAST_HASH_BYTES = 16
const MOST_HASH_BYTES = 128
const MOST_SALT_BYTES = 256

/** Base64 in any of its alphabets (RFC 4648, sections 4 and 5, and passlib's, which has a dot for the plus), padded or not. */
const BASE64 = /^[A-Za-z0-9+/_.-]*={0,2}$/
const HEX = /^(?:[0-9a-f]{2})*$/i

export const hashOf = (text: string, encoding: 'base64' | 'hex' = 'base64') =>
  decoded(text, encoding, LEAST_HASH_BYTES, MOST_HASH_BYTES)

export const saltOf = (text: string) => decoded(text, 'base64', 1, MOST_SALT_BYTES)

/** A secret of the system that made the hash, or no bytes if it has none. */
export const secretOf = (text: string) => decoded(text, 'base64', 0, MOST_SALT_BYTES)

function decoded(text: string, encoding: 'base64' | 'hex', least: number, most: number): Buffer | null {
  if (!(encoding === 'hex' ? HEX : BASE64).test(text)) return null
  const bytes = Buffer.from(text.replaceAll('.', '+'), encoding)
  return bytes.length >= least && bytes.length <= most ? bytes : null
}

export const isEqual = (one: Buffer, other: Buffer) => one.length === other.length && timingSafeEqual(one, other)
