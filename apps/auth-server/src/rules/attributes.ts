// A user's attributes: what a company knows of its users besides their roles. The realm says which become claims.

export type Json = string | number | boolean | null | readonly Json[] | { readonly [member: string]: Json }
export type Attributes = Readonly<Record<string, Json>>

/** Of the JSON in UTF-8. Every refresh reads the attributes, and Redis keeps a copy for each user with a session. */
export const MAX_ATTRIBUTES_BYTES = 4_096
/** Objects and arrays within each other, the attributes themselves among them. */
const MAX_DEPTH = 5

/** It stands in realm files and in errors, so it has what RFC 6749, section 5.2, allows, and no space. */
const NAME = /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/

/** An account has these itself, or they would put a password where it does not belong. */
const RESERVED: ReadonlySet<string> = new Set([
  'id',
  'username',
  'email',
  'password',
  'password_hash',
  'roles',
  'disabled',
  'version',
  'created_at',
])

/**
 * What is wrong with a user's attributes, as a sentence without any value; null if they are good. Names within an attribute
 * may be any text.
 */
export function faultOfAttributes(value: unknown): string | null {
  if (!isObject(value)) return 'The attributes must be a JSON object.'
  for (const [name, attribute] of Object.entries(value)) {
    const faultOfName = faultOfAttributeName(name)
    if (faultOfName !== null) return faultOfName
    const fault = faultOfJson(attribute, 2)
    if (fault !== null) return `The attribute ${name} ${fault}`
  }
  // Only now: a hostile depth would exhaust the stack here.
  return Buffer.byteLength(JSON.stringify(value)) > MAX_ATTRIBUTES_BYTES
    ? `The attributes must have at most ${MAX_ATTRIBUTES_BYTES} bytes as JSON.`
    : null
}

/** A sentence, or null. */
export function faultOfAttributeName(name: string): string | null {
  if (!NAME.test(name))
    return 'The name of an attribute must have 1 to 64 printable ASCII characters without spaces, quotation marks and backslashes.'
  return RESERVED.has(name) || name === '__proto__' ? `No attribute may have the name ${name}.` : null
}

/** JSON cannot have the numbers, and Postgres not the texts, that are refused. A program might assign to `__proto__`. */
function faultOfJson(value: unknown, depth: number): string | null {
  if (typeof value === 'string') return isStorable(value) ? null : 'must not contain U+0000 or lone surrogates.'
  if (typeof value === 'number') return Number.isFinite(value) ? null : 'must not contain a number out of range.'
  if (value === null || typeof value === 'boolean') return null
  if (typeof value !== 'object') return 'must be JSON.'
  if (depth > MAX_DEPTH) return `must have at most ${MAX_DEPTH} levels.`
  for (const [member, inner] of Object.entries(value)) {
    if (member === '__proto__' || !isStorable(member)) return 'has a member with a forbidden name.'
    const fault = faultOfJson(inner, depth + 1)
    if (fault !== null) return fault
  }
  return null
}

/** Postgres takes no other text. */
export const isStorable = (text: string) => text.isWellFormed() && !text.includes('\0')

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
