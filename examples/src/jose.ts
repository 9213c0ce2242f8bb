// npm install jose
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { type JWTPayload, createRemoteJWKSet, errors, jwtVerify } from 'jose'

const { ISSUER: issuer = 'http://127.0.0.1:4000', PORT = '3000' } = process.env

const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))

/** Returns the claims of the caller, or undefined without a valid token. Rejects if the keys cannot be fetched. */
async function authenticate({ headers }: IncomingMessage): Promise<JWTPayload | undefined> {
  const token = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1]
  if (token === undefined) return undefined
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
    return payload
  } catch (error) {
    if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) return undefined
    throw error
  }
}

async function answer(request: IncomingMessage, response: ServerResponse) {
  try {
    const caller = await authenticate(request)
    if (!caller) {
      response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end()
    } else if (!String(caller['scope']).split(' ').includes('reports:read')) {
      response.writeHead(403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="reports:read"' }).end()
    } else {
      response.end(JSON.stringify({ sub: caller.sub }))
    }
  } catch {
    response.writeHead(503, { 'retry-after': '5' }).end()
  }
}

createServer((request, response) => void answer(request, response)).listen(Number(PORT))
