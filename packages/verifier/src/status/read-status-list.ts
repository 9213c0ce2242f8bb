import { shapes } from '@heirloom/claims'
import { checkSignature } from '../check-signature.ts'
import type { KeySet } from '../keys/key-set.ts'
import { decodeBase64url, tokenParser } from '../parse-token.ts'
import type { Read } from '../remote/remote-document.ts'
import { BITS_PER_STATUS, type BitsPerStatus, type PackedStatuses, inflateStatuses } from './packed-statuses.ts'

/** A copy of a status list whose signature and claims are good. Times are seconds since 1970. */
export interface StatusListCopy extends PackedStatuses {
  readonly iat: number
  readonly exp: number | undefined
  /** For how many seconds the issuer lets a copy go unchecked. */
  readonly ttl: number | undefined
}

export interface ExpectedList {
  readonly issuer: string
  readonly keys: KeySet
  readonly clockToleranceSeconds: number
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** 16 million entries, of which every second one is set, are 3.7 MB as a token. Ten revocations a second are 20 kB. */
export const MAX_LIST_BYTES = 4 * 2 ** 20

/**
 * Makes a function that reads the token of the status list at `uri` (Token Status List, section "Status List Token in JWT
 * Format"). It never rejects.
 */
export function statusListReader({ issuer, keys, clockToleranceSeconds, now }: ExpectedList) {
  const parse = tokenParser(['statuslist+jwt'], MAX_LIST_BYTES)
  return async (token: string, uri: string): Promise<Read<StatusListCopy>> => {
    const parsed = parse(token)
    if (!parsed.ok) return { ok: false, reason: parsed.description }
    if (!keys.get(parsed.kid)) await keys.refetchForUnknownKid?.()
    const key = keys.get(parsed.kid)
    if (!key) return { ok: false, reason: 'No key of the issuer has this id.' }
    const unsigned = checkSignature(parsed, key)
    if (unsigned) return { ok: false, reason: unsigned.description }
    const checked = checkList(parsed.payload(), { uri, issuer, nowSeconds: now() / 1000, clockToleranceSeconds })
    if (!checked.ok) return checked
    const { compressed, bits, iat, exp, ttl } = checked.content
    const inflated = await inflateStatuses(compressed, bits)
    return inflated.ok ? { ok: true, content: { ...inflated.content, iat, exp, ttl } } : inflated
  }
}

interface ListClaims {
  readonly compressed: Buffer
  readonly bits: BitsPerStatus
  readonly iat: number
  readonly exp: number | undefined
  readonly ttl: number | undefined
}

/** Until the signature is checked, every claim may be an attacker's. */
function checkList(
  claims: unknown,
  expected: { uri: string; issuer: string; nowSeconds: number; clockToleranceSeconds: number },
): Read<ListClaims> {
  if (!isObject(claims)) return refuse('The claims set is not a JSON object.')
  const { sub, iss, iat, nbf, exp, ttl, status_list: list } = claims
  // Otherwise one list of the issuer could be served for another.
  if (sub !== expected.uri) return refuse('The claim "sub" is not the address of the list.')
  if (iss !== undefined && iss !== expected.issuer) return refuse('The list is from another issuer.')
  if (!isTime(iat)) return refuse('The claim "iat" must be a time in seconds since 1970.')
  const latest = expected.nowSeconds + expected.clockToleranceSeconds
  if (iat > latest) return refuse('The list was issued in the future.')
  if (nbf !== undefined && !(isTime(nbf) && nbf <= latest)) return refuse('The list is not valid yet.')
  if (exp !== undefined) {
    if (!isTime(exp) || exp <= iat) return refuse('The claim "exp" must be a time after "iat".')
    if (exp + expected.clockToleranceSeconds <= expected.nowSeconds) return refuse('The list has expired.')
  }
  if (ttl !== undefined && !(isTime(ttl) && ttl > 0)) return refuse('The claim "ttl" must be a positive number.')
  if (!isObject(list)) return refuse('The claim "status_list" is not an object.')
  const bits = BITS_PER_STATUS.find((allowed) => allowed === list['bits'])
  if (!bits) return refuse('The member "bits" must be 1, 2, 4 or 8.')
  const compressed = typeof list['lst'] === 'string' ? decodeBase64url(list['lst']) : undefined
  if (!compressed) return refuse('The member "lst" is not canonical base64url.')
  return { ok: true, content: { compressed, bits, iat, exp, ttl } }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isTime = (value: unknown): value is number => shapes.time.fits(value)
const refuse = (reason: string) => ({ ok: false, reason }) as const
