// Needs @heirloom/verifier: packages/verifier/README.md#install
// A small server that a proxy calls for each request (nginx auth_request, Caddy forward_auth, Traefik ForwardAuth).
// `GET /?scope=reports:read` with the request's Authorization header answers 204 with X-User, 401 or 403.
import { createServer } from 'node:http'
import { type Requirement, callerOf, connectBearer, createVerifier } from '@heirloom/verifier'

const { ISSUER: issuer = 'http://127.0.0.1:4000', PORT = '3001' } = process.env

const verifier = createVerifier({ issuer, audience: 'resource-api' })
await verifier.ready()

createServer((request, response) => {
  const scope = new URL(request.url ?? '/', 'http://localhost').searchParams.get('scope')
  const guard = guardFor(scope === null ? {} : { scope })
  if (!guard) return void response.writeHead(400).end('The proxy asks for a scope that is none.\n')
  return guard(request, response, () => response.writeHead(204, { 'x-user': callerOf(request).sub }).end())
}).listen(Number(PORT), '127.0.0.1')

function guardFor(requirement: Requirement) {
  try {
    return connectBearer(verifier, requirement)
  } catch {
    return undefined
  }
}
