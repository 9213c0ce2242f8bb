import { callerOf, createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import Fastify from 'fastify'
import { audience, host, issuer, jwksUri, port } from './settings.ts'

const mode = process.env['STATUS'] === 'off' ? 'off' : 'open'
const verifier = createVerifier({ issuer, audience, jwksUri, status: { mode } })
const app = Fastify()
await app.register(bearerAuth, { verifier })
app.get('/me', { onRequest: app.authenticate }, (request, reply) => void reply.send({ sub: callerOf(request).sub }))
await verifier.ready()
await app.listen({ host, port })
