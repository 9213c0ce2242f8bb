// npm install aws-jwt-verify
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { JwtVerifier } from 'aws-jwt-verify'
import { FetchError } from 'aws-jwt-verify/error'

const { ISSUER: issuer = 'https://auth.example', PORT = '3000' } = process.env

const verifier = JwtVerifier.create({
  issuer,
  audience: 'resource-api',
  // Fetched over https only.
  jwksUri: `${issuer}/.well-known/jwks.json`,
  graceSeconds: 10,
  customJwtCheck({ header, payload }) {
    // The library checks neither the type nor the algorithm, and it does not require claims.
    if (header.typ !== 'at+jwt' || header.alg !== 'RS256') throw new Error('not an access token')
    for (const claim of ['exp', 'iat', 'sub', 'client_id', 'scope']) {
      if (payload[claim] === undefined) throw new Error(`the claim ${claim} is missing`)
    }
  },
})

// Fetch the keys before the first request.
await verifier.hydrate()

async function answer({ headers }: IncomingMessage, response: ServerResponse) {
  try {
    const token = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? ''
    const caller = await verifier.verify(token)
    if (String(caller.scope).split(' ').includes('reports:read')) {
      response.end(JSON.stringify({ sub: caller.sub }))
    } else {
      response.writeHead(403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="reports:read"' }).end()
    }
  } catch (error) {
    if (error instanceof FetchError) response.writeHead(503, { 'retry-after': '5' }).end()
    else response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end()
  }
}

createServer((request, response) => void answer(request, response)).listen(Number(PORT))
