// Tokens of any issuer that follows RFC 9068, here oidc-provider's. Needs @heirloom/verifier: packages/verifier/README.md#install
import { createServer } from 'node:http'
import { type AccessTokenClaims, callerOf, connectBearer, createVerifier, rfc9068Profile } from '@heirloom/verifier'

const { ISSUER: issuer = 'http://127.0.0.1:3000', PORT = '3001' } = process.env

// The keys are found by discovery. What other issuers do not have is Heirloom's `sid` and `roles`: hence the profile.
const verifier = createVerifier({ issuer, audience: 'urn:resource-api', profile: rfc9068Profile })
await verifier.ready()
const mayRead = connectBearer(verifier, { scope: 'reports:read' })

createServer((request, response) => {
  mayRead(request, response, () => response.end(JSON.stringify({ sub: callerOf<AccessTokenClaims>(request).sub })))
}).listen(Number(PORT))
