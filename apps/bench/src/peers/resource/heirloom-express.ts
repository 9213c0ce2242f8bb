import { type HeirloomClaims, connectBearer, createVerifier } from '@heirloom/verifier'
import express from 'express'
import { audience, host, issuer, jwksUri, port } from './settings.ts'

const verifier = createVerifier({ issuer, audience, jwksUri })
const app = express()
// The types of passport, which is here as well, claim `request.user` for themselves.
app.get('/me', connectBearer(verifier) as unknown as express.RequestHandler, (request, response) => {
  response.json({ sub: (request.user as unknown as HeirloomClaims).sub })
})
await verifier.ready()
// As Fastify has it: Node's five seconds are soon over on a busy machine.
app.listen(port, host).keepAliveTimeout = 72_000
