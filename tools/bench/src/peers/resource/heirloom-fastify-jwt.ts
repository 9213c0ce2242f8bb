// @fastify/jwt with our verifier underneath.
import fastifyJwt from '@fastify/jwt'
import { createVerifier } from '@heirloom/verifier'
import { fastifyJwtOptions } from '@heirloom/verifier/fastify-jwt'
import Fastify from 'fastify'
import { audience, host, issuer, jwksUri, port } from './settings.ts'

const verifier = createVerifier({ issuer, audience, jwksUri })
const app = Fastify()
await app.register(fastifyJwt, fastifyJwtOptions(verifier))
app.get('/me', { onRequest: async (request) => request.jwtVerify() }, (request, reply) => {
  void reply.send({ sub: (request.user as { sub: string }).sub })
})
await verifier.ready()
await app.listen({ host, port })
