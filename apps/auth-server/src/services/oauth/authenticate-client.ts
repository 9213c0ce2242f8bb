import { createHash, timingSafeEqual } from 'node:crypto'
import type { AttemptThrottle } from '../../credentials/attempt-throttle.ts'
import { networkOf } from '../../rules/network.ts'
import { type PresentedClient, presentedClient } from '../../rules/presented-client.ts'
import type { Client, RealmSource } from '../../rules/realm.ts'
import { type Refusal, refuse, tooManyAttempts } from '../refusal.ts'
import type { RecordEvent, SecurityEvent } from '../security-event.ts'

/** What a request says about its client. */
export interface ClientCredentials {
  /** The header. */
  authorization: string | undefined
  form: { client_id?: string; client_secret?: string }
  ip: string
}

export interface AuthenticateClientParts {
  realm: RealmSource
  throttle: Pick<AttemptThrottle, 'attempt'>
  audit: RecordEvent
}

/** The same answer for every reason, so that it does not say which clients there are. The security event has the reason. */
const INVALID_CLIENT = refuse('invalid_client', 'The client is unknown, or did not authenticate as it is registered.')

/** What the secret of a client without one is compared with, so that it takes as long. No secret has this hash. */
const NO_HASH = Buffer.alloc(32)

/**
 * Authenticates a client exactly as it is registered (RFC 6749, sections 2.3 and 3.2.1). Wrong secrets are throttled by address,
 * and then by client and address. The right one is never refused, since a stranger could lock a client out then; it has 256 bits,
 * so nobody finds it by trying.
 * @param options `needsSecret` refuses public clients too.
 */
export async function authenticateClient(
  { realm, throttle, audit }: AuthenticateClientParts,
  { authorization, form, ip }: ClientCredentials,
  { needsSecret = false } = {},
): Promise<{ ok: true; client: Client } | Refusal> {
  const presented = presentedClient(authorization, form)
  // RFC 6749, section 5.2: more than one mechanism is an `invalid_request`.
  if (!presented.ok)
    return presented.fault === 'several'
      ? refuse('invalid_request', 'The client must authenticate in one way, and name itself once.')
      : INVALID_CLIENT

  const { id, secret } = presented
  const client = realm.current().clients.get(id)
  const fault = needsSecret && secret === null ? 'wrong_method' : faultOf(client, presented)
  if (client && fault === null) return { ok: true, client }

  const wait = secret === null ? null : await countWrong(throttle, id, ip)
  const reason = wait !== null ? 'throttled' : (fault ?? 'unknown_client')
  audit({ type: 'client_refused', reason, ip, ...(client && { clientId: client.id }) })
  return wait === null ? INVALID_CLIENT : tooManyAttempts(wait)
}

type Fault = Extract<SecurityEvent, { type: 'client_refused' }>['reason']

function faultOf(client: Client | undefined, { method, secret }: PresentedClient): Fault | null {
  const isRight = secret === null || isOneOf(secret, client?.secretHashes ?? [])
  if (!client) return 'unknown_client'
  if (client.auth !== method) return 'wrong_method'
  if (!isRight) return 'wrong_secret'
  return client.disabled ? 'disabled' : null
}

/** Compares with every hash, and in constant time. */
function isOneOf(secret: string, hashes: readonly string[]): boolean {
  const presented = createHash('sha256').update(secret).digest()
  const known = hashes.length > 0 ? hashes.map((hash) => Buffer.from(hash, 'hex')) : [NO_HASH]
  return known.filter((hash) => hash.length === presented.length && timingSafeEqual(hash, presented)).length > 0
}

/** Answers null, or the seconds to wait. */
async function countWrong(throttle: Pick<AttemptThrottle, 'attempt'>, id: string, ip: string): Promise<number | null> {
  const { waitSeconds } = await throttle.attempt({ kind: 'client', id: `${networkOf(ip)} ${id}` }, ip)
  return waitSeconds
}
