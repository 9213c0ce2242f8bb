import { isUtf8 } from 'node:buffer'
import { type Refusal, refuse } from './refusal.ts'
import { parseStrictJson } from './strict-json.ts'

interface Header {
  readonly ok: true
  readonly kid: string
  readonly algorithm: string
}

export interface ParsedToken extends Header {
  /** What the signature covers: RFC 7515, section 5.2, step 8. */
  readonly signingInput: Buffer
  readonly signature: Buffer
  /** Undefined if the payload is not strict JSON. Must not be used before the signature is checked. */
  readonly payload: () => unknown
}

/** Claims are shallow: `roles` is the deepest of ours. */
const MAX_DEPTH = 8

/**
 * Members with which the token would choose its own key, or ask for processing that is not supported: `crit` (RFC 7515,
 * section 4.1.11) and its `b64`, keys and their addresses (RFC 8725, section 3.10), encryption.
 */
const REFUSED_MEMBERS = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c', 'enc', 'zip'] as const

const malformed = refuse('token_malformed', 'This is not a signed token in the compact form.')

/**
 * Makes a function that takes tokens apart (RFC 7515, section 7.1) and checks their headers. The result is not trusted yet.
 * @param types accepted media types: see `Profile.types`.
 */
export function tokenParser(types: readonly string[], maxLength: number): (token: string) => ParsedToken | Refusal {
  const accepted = new Set(types.map(mediaType))
  // Tokens that are signed by one key share their header, so its text is parsed once.
  let lastText: string | undefined
  let lastHeader: Header | undefined

  function readHeader(text: string): Header | Refusal {
    if (text === lastText && lastHeader) return lastHeader
    const header = parseHeader(text, types, accepted)
    if (header.ok) {
      lastText = text
      lastHeader = header
    }
    return header
  }

  return (token) => {
    if (typeof token !== 'string') return malformed
    if (token.length > maxLength) return refuse('token_malformed', `The token is longer than ${maxLength} characters.`)
    const first = token.indexOf('.')
    const second = token.indexOf('.', first + 1)
    if (first < 1 || second < 0 || token.indexOf('.', second + 1) >= 0) return malformed

    const payload = decodeBase64url(token.slice(first + 1, second))
    const signature = decodeBase64url(token.slice(second + 1))
    if (!payload || !signature) return malformed
    const header = readHeader(token.slice(0, first))
    if (!header.ok) return header
    const { kid, algorithm } = header
    const signingInput = Buffer.from(token.slice(0, second), 'latin1')
    return { ok: true, kid, algorithm, signingInput, signature, payload: () => parseJsonBytes(payload) }
  }
}

function parseHeader(text: string, types: readonly string[], accepted: ReadonlySet<string>): Header | Refusal {
  const bytes = decodeBase64url(text)
  const header = bytes && parseJsonBytes(bytes)
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return malformed
  const { alg, kid, typ } = header as Record<string, unknown>
  if (typeof alg !== 'string') return refuse('algorithm_refused', 'The header names no algorithm.')
  if (typeof kid !== 'string') return refuse('key_unknown', 'The header names no key.')
  if (typeof typ !== 'string' || !accepted.has(mediaType(typ))) {
    return refuse('type_refused', `The header's "typ" must be ${types.join(' or ')}.`)
  }
  for (const member of REFUSED_MEMBERS) {
    if (Object.hasOwn(header, member)) return refuse('header_refused', `The header must not have "${member}".`)
  }
  return { ok: true, kid, algorithm: alg }
}

/**
 * RFC 7515, section 4.1.9: `typ` is a media type, compared in any case, and `application/` may be left out if no other
 * slash follows. A letter outside of ASCII does not match, even if its lower case is in ASCII.
 */
function mediaType(typ: string): string {
  const type = /^[\x21-\x7e]+$/.test(typ) ? typ.toLowerCase() : typ
  return type.includes('/') ? type : `application/${type}`
}

/**
 * Undefined for anything but the one canonical spelling. Buffer skips foreign characters, accepts padding and both
 * alphabets, and ignores trailing bits. Each of these would allow a second string for the same token.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.length > 0 && bytes.toString('base64url') === text ? bytes : undefined
}

/** RFC 8725, section 3.7: UTF-8 and nothing else. */
function parseJsonBytes(bytes: Buffer): unknown {
  return isUtf8(bytes) ? parseStrictJson(bytes.toString('utf8'), MAX_DEPTH) : undefined
}
