// npm install jose
// For runtimes that have WebCrypto and no node:crypto, such as Next.js middleware on the edge runtime.
import { type JWTPayload, createRemoteJWKSet, errors, jwtVerify } from 'jose'

const { ISSUER: issuer = 'http://127.0.0.1:4000' } = process.env

// Its copy lives for 10 minutes. A runtime that keeps nothing between two requests fetches the keys for each.
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))

/** The claims of the caller, or the response to send. */
async function authorize(request: Request, scope: string): Promise<JWTPayload | Response> {
  const token = /^Bearer (\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
  if (token === undefined) return refusal(401, 'Bearer')
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience: 'resource-api',
      algorithms: ['RS256'],
      typ: 'at+jwt',
      // Missing claims are not checked unless they are required.
      requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'scope'],
      clockTolerance: 10, // seconds
    })
    if (String(payload['scope']).split(' ').includes(scope)) return payload
    return refusal(403, `Bearer error="insufficient_scope", scope="${scope}"`)
  } catch (error) {
    const isBadToken = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)
    if (isBadToken) return refusal(401, 'Bearer error="invalid_token"')
    // The keys cannot be fetched, so the token may still be valid.
    return new Response(null, { status: 503, headers: { 'retry-after': '5' } })
  }
}

const refusal = (status: number, challenge: string) =>
  new Response(null, { status, headers: { 'www-authenticate': challenge } })

export async function answer(request: Request): Promise<Response> {
  const caller = await authorize(request, 'reports:read')
  return caller instanceof Response ? caller : Response.json({ sub: caller.sub })
}
