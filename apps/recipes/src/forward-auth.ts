// npm install @heirloom/verifier: a small server that a proxy asks about each request (nginx auth_request, Caddy forward_auth,
// Traefik ForwardAuth). `GET /?scope=reports:read` with the request's Authorization header is 204 with X-User, 401 or 403.
import { type IncomingMessage, createServer } from 'node:http'
import { type AuthorizedMessage, type HeirloomClaims, connectBearer, createVerifier } from '@heirloom/verifier'

const { ISSUER: issuer = 'http://127.0.0.1:4000', PORT = '3001' } = process.env

const verifier = createVerifier({ issuer, audience: 'resource-api' })
await verifier.ready()

createServer((request: IncomingMessage & AuthorizedMessage<HeirloomClaims>, response) => {
  const scope = new URL(request.url ?? '/', 'http://localhost').searchParams.get('scope')
  connectBearer(verifier, scope === null ? {} : { scope })(request, response, () => {
    response.writeHead(204, { 'x-user': request.user?.sub }).end()
  })
}).listen(Number(PORT), '127.0.0.1')
