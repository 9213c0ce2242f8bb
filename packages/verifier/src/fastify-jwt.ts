import type { AccessTokenClaims } from '@heirloom/claims'
import type { FastifyJWTOptions } from '@fastify/jwt'
import type { FastifyRequest } from 'fastify'
import { type RefusalAnswer, answerRefusal } from './answer-refusal.ts'
import { bearerToken, missing } from './bearer-token.ts'
import { setCaller } from './caller.ts'
import type { VerificationKey } from './keys/verification-key.ts'
import { type Refusal, type RefusalCode, refuse } from './refusal.ts'
import type { ProtectedResource } from './resource/protected-resource.ts'
import type { Verdict, Verifier } from './verifier.ts'

export interface FastifyJwtSettings {
  /** Finds the token of a request. Default: in one Authorization header, and nowhere else (RFC 6750, section 2.1). */
  readonly extractToken?: (request: FastifyRequest) => string | undefined
}

/** The options of `@fastify/jwt`. A service that replaces `trusted` calls this one first. */
export type HeirloomJwtOptions = FastifyJWTOptions & Required<Pick<FastifyJWTOptions, 'trusted'>>

/**
 * Options for `@fastify/jwt`: `request.jwtVerify()` then accepts exactly the tokens that `verifier` accepts, and rejects with
 * a `TokenRefusedError`. `request.user` has the claims, frozen, and `callerOf(request)` has them with their type.
 * `app.register(jwt, fastifyJwtOptions(verifier))`
 *
 * The verdict is given before `@fastify/jwt` gets a key, so nothing that a call passes to `jwtVerify()` can widen it. With
 * the key, it verifies the signature once more. It cannot sign, and `app.jwt.verify(token)` rejects: use `verifier.verify`.
 */
export function fastifyJwtOptions(
  verifier: Verifier<AccessTokenClaims>,
  { extractToken }: FastifyJwtSettings = {},
): HeirloomJwtOptions {
  const judged = new WeakMap<FastifyRequest, Judged>()

  function find(request: FastifyRequest): string | Refusal {
    return extractToken
      ? (extractToken(request) ?? missing)
      : bearerToken(request.raw.rawHeaders, request.raw.url ?? '')
  }

  /** Refuses as early as it can: `@fastify/jwt` next reads the payload, and answers 500 if that is no JSON object. */
  function judge(request: FastifyRequest): string {
    const token = find(request)
    if (typeof token !== 'string') throw new TokenRefusedError(token, verifier.resource)
    const verdict = verifier.verify(token)
    if (!(verdict instanceof Promise)) accepted(verdict)
    else if (!hasClaims(token)) throw new TokenRefusedError(NO_CLAIMS, verifier.resource)
    judged.set(request, { token, verdict })
    return token
  }

  async function keyFor(request: FastifyRequest, decoded: unknown): Promise<string> {
    const { token, kid } = readDecoded(decoded)
    const before = judged.get(request)
    // A call may bring an `extractToken` of its own.
    const verdict = await (before?.token === token ? before.verdict : verifier.verify(token))
    accepted(verdict)
    judged.set(request, { token, verdict })
    const key = verifier.keys.get(kid)
    if (!key) throw new TokenRefusedError(refuse('key_unknown', 'The key has been removed since.'), verifier.resource)
    return pemOf(key)
  }

  function accepted(verdict: Verdict<AccessTokenClaims>): asserts verdict is { ok: true; claims: AccessTokenClaims } {
    if (!verdict.ok) throw new TokenRefusedError(verdict, verifier.resource)
  }

  return {
    secret: { public: keyFor },
    // With the parts as they came, so that the token which is judged is the one that is used.
    decode: { complete: true },
    verify: {
      extractToken: judge,
      // By our verdict, with its clock tolerance.
      ignoreExpiration: true,
      ignoreNotBefore: true,
      // Good signatures are remembered, about as many as verdicts with our own default. The verdict is asked each time.
      cache: 10_000,
    },
    trusted(request, payload) {
      const { verdict } = judged.get(request) ?? {}
      if (!verdict || verdict instanceof Promise || !verdict.ok) return false
      // The cache gives the same object to all requests with the token.
      freeze(payload)
      setCaller(request, verdict.claims, {})
      return true
    },
  }
}

interface Judged {
  readonly token: string
  readonly verdict: Verdict<AccessTokenClaims> | Promise<Verdict<AccessTokenClaims>>
}

/** What `jwtVerify()` rejects with. Fastify answers with its status and headers; the message is for the client. */
export class TokenRefusedError extends Error {
  override readonly name = 'TokenRefusedError'
  /** That of `@fastify/jwt` for such a token, or `HEIRLOOM_TOKEN_UNCHECKED` with a 503. */
  readonly code: string
  readonly statusCode: RefusalAnswer['status']
  readonly headers: RefusalAnswer['headers']
  /** The body that the other adapters send: `{"error", "error_description"}`. */
  readonly body: RefusalAnswer['body']
  /** The reason, for the log. It never contains the token or a part of it. */
  readonly refusal: Refusal

  constructor(refusal: Refusal, resource?: ProtectedResource) {
    const { status, headers, body } = answerRefusal(refusal, {}, resource)
    super(body.error_description)
    this.code = CODES[refusal.code] ?? 'FST_JWT_AUTHORIZATION_TOKEN_INVALID'
    this.statusCode = status
    this.headers = headers
    this.body = body
    this.refusal = refusal
  }
}

const CODES: Partial<Record<RefusalCode, string>> = {
  token_missing: 'FST_JWT_NO_AUTHORIZATION_IN_HEADER',
  token_repeated: 'FST_JWT_BAD_REQUEST',
  token_expired: 'FST_JWT_AUTHORIZATION_TOKEN_EXPIRED',
  keys_unavailable: 'HEIRLOOM_TOKEN_UNCHECKED',
  status_unavailable: 'HEIRLOOM_TOKEN_UNCHECKED',
}

const NO_CLAIMS = refuse('token_malformed', 'The claims set is not a JSON object.')

function hasClaims(token: string): boolean {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    return typeof claims === 'object' && claims !== null && !Array.isArray(claims)
  } catch {
    return false
  }
}

/** `@fastify/jwt` passes the parts of the token, or less if a call changed `decode.complete`. */
function readDecoded(decoded: unknown): { token: string; kid: string } {
  const { header, input, signature } = (decoded ?? {}) as {
    header?: { kid: string }
    input?: string
    signature?: string
  }
  if (header && typeof input === 'string' && typeof signature === 'string') {
    return { token: `${input}.${signature}`, kid: header.kid }
  }
  throw new TypeError(
    '@heirloom/verifier needs the whole token: call request.jwtVerify() without decode.complete, or verifier.verify(token).',
  )
}

const pems = new WeakMap<VerificationKey, string>()

function pemOf(key: VerificationKey): string {
  if (key.algorithm === 'Ed25519') throw new TypeError('@fastify/jwt knows EdDSA, but not its newer name Ed25519.')
  const pem = pems.get(key) ?? key.publicKey.export({ type: 'spki', format: 'pem' })
  pems.set(key, pem)
  return pem
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  for (const child of Object.values(value)) freeze(child)
  Object.freeze(value)
}
