import Fastify from 'fastify'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { audience, host, issuer, jwksUri, port } from './settings.ts'

const keys = createRemoteJWKSet(new URL(jwksUri))
const expected = { issuer, audience, algorithms: ['RS256'], typ: 'at+jwt', requiredClaims: ['sub', 'iat', 'exp'] }
const app = Fastify()
app.decorateRequest('sub', '')
app.get(
  '/me',
  {
    async onRequest(request, reply) {
      try {
        const token = request.headers.authorization?.slice('Bearer '.length) ?? ''
        const { payload } = await jwtVerify(token, keys, expected)
        request.setDecorator('sub', payload.sub)
      } catch {
        return reply
          .code(401)
          .header('www-authenticate', 'Bearer error="invalid_token"')
          .send({ error: 'invalid_token' })
      }
    },
  },
  (request, reply) => void reply.send({ sub: request.getDecorator('sub') }),
)
await app.listen({ host, port })
