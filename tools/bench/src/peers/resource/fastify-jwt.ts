// @fastify/jwt with get-jwks, as in the README of get-jwks, and with the checks that it leaves out. With CACHE, @fastify/jwt
// also keeps its verdicts, for more tokens than any load has.
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import buildGetJwks from 'get-jwks'
import { audience, host, issuer, port } from './settings.ts'

const getJwks = buildGetJwks({ issuersWhitelist: [issuer] })
const app = Fastify()
await app.register(fastifyJwt, {
  decode: { complete: true },
  verify: {
    algorithms: ['RS256'],
    allowedIss: issuer,
    allowedAud: audience,
    requiredClaims: ['iss', 'aud', 'sub', 'iat', 'exp'],
    ...(process.env['CACHE'] && { cache: 10_000 }),
  },
  secret(_request, token, done) {
    const { header, payload } = token as unknown as { header: { kid: string; alg: string }; payload: { iss: string } }
    const settle = done as (error: Error | null, key?: string) => void
    getJwks.getPublicKey({ ...header, domain: payload.iss }).then((key) => settle(null, key), settle)
  },
})
app.get('/me', { onRequest: async (request) => request.jwtVerify() }, (request, reply) => {
  void reply.send({ sub: (request.user as { sub: string }).sub })
})
await app.listen({ host, port })
