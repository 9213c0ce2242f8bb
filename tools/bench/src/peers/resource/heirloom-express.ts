import { callerOf, connectBearer, createVerifier } from '@heirloom/verifier'
import express from 'express'
import { audience, host, issuer, jwksUri, port } from './settings.ts'

const verifier = createVerifier({ issuer, audience, jwksUri })
const app = express()
app.get('/me', connectBearer(verifier), (request, response) => {
  response.json({ sub: callerOf(request).sub })
})
await verifier.ready()
// As in Fastify: Node's five seconds are too short on a busy machine.
app.listen(port, host).keepAliveTimeout = 72_000
