import {
  type AccessTokenClaims,
  type HeirloomClaims,
  type Profile,
  checkClaims,
  heirloomProfile,
} from '@heirloom/claims'
import { checkSignature } from './check-signature.ts'
import { ALGORITHMS } from './keys/algorithms.ts'
import type { KeySet } from './keys/key-set.ts'
import { type KeySetStats, RemoteKeySet, type RemoteKeySetOptions } from './keys/remote-key-set.ts'
import { isHttpUrl } from './is-http-url.ts'
import { systemRuntime } from './remote/runtime.ts'
import type { VerificationKey } from './keys/verification-key.ts'
import { type ParsedToken, tokenParser } from './parse-token.ts'
import { CODE_OF_FAULT, type Refusal, type RefusalCode, refuse } from './refusal.ts'
import { type ProtectedResource, type ResourceOptions, protectedResource } from './resource/protected-resource.ts'
import { checkStatusOptions } from './status/check-status-options.ts'
import { type StatusEntry, StatusLists, type StatusOptions, type StatusStats } from './status/status-lists.ts'
import { VerdictCache } from './verdict-cache.ts'

export interface VerifierOptions<Claims extends AccessTokenClaims = HeirloomClaims> extends RemoteKeySetOptions {
  /** This service's own name: it must be the token's `aud`, or among them (RFC 9068, section 4). */
  readonly audience: string
  /** The kind of token that is accepted. Default: Heirloom's. For another auth server: `rfc9068Profile`. */
  readonly profile?: Profile<Claims>
  /** Keys that this process already has. Nothing is fetched then. */
  readonly keys?: KeySet
  /** Whether tokens that name an entry in a status list are checked against it. Default: see `StatusOptions.mode`. */
  readonly status?: StatusOptions
  /** Lets unknown clients find the auth server by RFC 9728: see `ResourceOptions`. Default: challenges name no metadata. */
  readonly resource?: ResourceOptions
  /** Default: 10. */
  readonly clockToleranceSeconds?: number
  /** In characters. A longer token is refused unread. Default: 8,192. */
  readonly maxTokenLength?: number
  /** Approximate memory for verdicts on tokens that arrive repeatedly. 0 keeps none. Default: 16 MiB. */
  readonly cacheBytes?: number
}

/** The claims of a good token, or why it is refused. */
export type Verdict<Claims = HeirloomClaims> = { readonly ok: true; readonly claims: Claims } | Refusal

export interface VerifierStats {
  /** Good tokens whose verdict was cached, and good tokens that were verified. */
  readonly seenBefore: number
  readonly verified: number
  readonly refused: Readonly<Partial<Record<RefusalCode, number>>>
  readonly cacheBytes: number
  /** Undefined if `keys` were given. */
  readonly keys: KeySetStats | undefined
  /** Undefined if the status mode is `off`. */
  readonly status: StatusStats | undefined
}

export interface Verifier<Claims = HeirloomClaims> {
  /**
   * Checks a token. Answers at once, or a promise if the key id is unknown and the keys are fetched again, or if the token
   * is among the first to name a status list. Either takes at most `timeoutMs`. Never throws and never rejects. The claims
   * are frozen, because requests with the same token may share them.
   */
  verify(token: string): Verdict<Claims> | Promise<Verdict<Claims>>
  /**
   * Resolves when there are keys for the first time; rejects if closed before. Without an `onEvent`, a process warning says
   * after five seconds why it still waits.
   */
  ready(): Promise<void>
  readonly isReady: boolean
  /** The keys in force: those of the issuer, or the option `keys`. */
  readonly keys: KeySet
  /** Why the last fetch of the issuer's keys failed, after its address; undefined if it succeeded. */
  readonly problem: string | undefined
  /** What this service says of itself to clients (RFC 9728). Undefined without the option `resource`. */
  readonly resource: ProtectedResource | undefined
  stats(): VerifierStats
  /** Stops fetching keys and status lists. Tokens of the current keys are still verified. */
  close(): void
}

/**
 * A verifier of one issuer's access tokens for one audience. It starts to fetch the keys at once. `ready()` waits for them.
 * @throws TypeError for options that cannot work.
 */
export function createVerifier<Claims extends AccessTokenClaims = HeirloomClaims>(
  options: VerifierOptions<Claims>,
): Verifier<Claims> {
  checkOptions(options)
  // Without a profile, the default of `Claims` is what Heirloom's profile checks.
  const profile = (options.profile ?? heirloomProfile) as Profile<Claims>
  const { issuer, audience, clockToleranceSeconds = 10, maxTokenLength = 8_192, cacheBytes = 16 * 2 ** 20 } = options
  const now = options.runtime?.now ?? systemRuntime.now
  const resource = options.resource && protectedResource(issuer, audience, options.resource)
  const remote = options.keys ? undefined : new RemoteKeySet(options)
  const keys: KeySet = options.keys ?? (remote as RemoteKeySet)
  const status = statusLists(options, keys, clockToleranceSeconds)
  const parseToken = tokenParser(profile.types, maxTokenLength)
  const cache = new VerdictCache<Verdict<Claims>>(cacheBytes)
  const refused: Partial<Record<RefusalCode, number>> = {}
  let seenBefore = 0
  let verified = 0

  function verify(token: string): Verdict<Claims> | Promise<Verdict<Claims>> {
    // A program without types may pass anything. The parser refuses what is not a string.
    const cached = typeof token === 'string' ? cache.get(token) : undefined
    // A verdict is good only as long as its own key object is in force, so a removed key takes its verdicts with it.
    const nowMs = now()
    if (cached && nowMs < cached.endsAtMs && keys.get(cached.key.kid) === cached.key) {
      const { entry, verdict } = cached
      if (entry && !entry.list?.isValid(entry.index, nowMs)) return judgeStatus(verdict, entry)
      seenBefore++
      return verdict
    }
    const parsed = parseToken(token)
    if (!parsed.ok) return count(parsed)
    const key = keys.get(parsed.kid)
    if (key) return judge(token, parsed, key)
    const refetched = keys.refetchForUnknownKid?.()
    return refetched
      ? refetched.then(async () => judge(token, parsed, keys.get(parsed.kid)))
      : judge(token, parsed, undefined)
  }

  /** Verifies the signature first: until then, the payload may be an attacker's. */
  function judge(
    token: string,
    parsed: ParsedToken,
    key: VerificationKey | undefined,
  ): Verdict<Claims> | Promise<Verdict<Claims>> {
    if (!key) return count(unknownKey())
    const unsigned = checkSignature(parsed, key)
    if (unsigned) return count(unsigned)
    const expected = { issuer, audience, now: now() / 1000, clockToleranceSeconds }
    const checked = checkClaims(profile, parsed.payload(), expected)
    if (!checked.ok) return count(refuse(CODE_OF_FAULT[checked.fault], checked.description))
    const { claims } = checked
    if (Object.hasOwn(claims, 'cnf')) {
      return count(refuse('token_bound', 'The token is bound to a key (cnf) and was presented as a bearer token.'))
    }
    const verdict = Object.freeze(checked)
    // Only a token that is valid otherwise may make this service ask for a list.
    const entry = status?.entryOf(claims.status)
    cache.set({ token, verdict, key, endsAtMs: (claims.exp + clockToleranceSeconds) * 1000, entry })
    return entry ? judgeStatus(verdict, entry) : count(verdict)
  }

  function judgeStatus(verdict: Verdict<Claims>, entry: StatusEntry): Verdict<Claims> | Promise<Verdict<Claims>> {
    const refusal = status?.check(entry)
    return refusal instanceof Promise ? refusal.then((late) => count(late ?? verdict)) : count(refusal ?? verdict)
  }

  function unknownKey(): Refusal {
    return keys.isEmpty
      ? refuse('keys_unavailable', 'There are no keys yet, or they have expired.')
      : refuse('key_unknown', 'No key of the issuer has this id.')
  }

  function count(verdict: Verdict<Claims>): Verdict<Claims> {
    if (verdict.ok) verified++
    else refused[verdict.code] = (refused[verdict.code] ?? 0) + 1
    return verdict
  }

  return {
    verify,
    ready: async () => remote?.ready(),
    get isReady() {
      return !keys.isEmpty
    },
    get problem() {
      return remote?.problem
    },
    keys,
    resource,
    stats: () => ({
      seenBefore,
      verified,
      refused: { ...refused },
      cacheBytes: cache.bytes,
      keys: remote?.stats(),
      status: status?.stats(),
    }),
    close() {
      remote?.close()
      status?.close()
    },
  }
}

function statusLists<Claims extends AccessTokenClaims>(
  options: VerifierOptions<Claims>,
  keys: KeySet,
  clockToleranceSeconds: number,
) {
  const { issuer, status = {}, timeoutMs = 5_000, runtime } = options
  // Who passes keys expects that nothing is fetched.
  const { mode = options.keys ? 'off' : 'open' } = status
  // A profile made before there was this claim does not check its shape.
  if (mode === 'off' || !Object.hasOwn((options.profile ?? heirloomProfile).shapes, 'status')) return undefined
  return new StatusLists({
    issuer,
    keys,
    timeoutMs,
    clockToleranceSeconds,
    status: { ...status, mode },
    runtime: { ...systemRuntime, ...runtime },
  })
}

function checkOptions({ issuer, jwksUri, audience, algorithms = [], keys, status, timeoutMs }: VerifierOptions<never>) {
  if (!isHttpUrl(issuer) && !(keys && issuer)) throw new TypeError('issuer must be an http or https URL.')
  if (jwksUri !== undefined && !isHttpUrl(jwksUri)) throw new TypeError('jwksUri must be an http or https URL.')
  if (typeof audience !== 'string' || audience === '') throw new TypeError('audience must be a string.')
  for (const name of algorithms) {
    if (!Object.hasOwn(ALGORITHMS, name)) throw new TypeError(`The algorithm ${name} is not supported.`)
  }
  if (status) checkStatusOptions(status, timeoutMs)
}
