import { callerOf, createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import Fastify from 'fastify'
import { audience, host, issuer, jwksUri, port } from './settings.ts'

const verifier = createVerifier({ issuer, audience, jwksUri })
const app = Fastify()
await app.register(bearerAuth, { verifier })
app.get('/me', { onRequest: app.authenticate }, (request, reply) => void reply.send({ sub: callerOf(request).sub }))
await verifier.ready()
await app.listen({ host, port })
