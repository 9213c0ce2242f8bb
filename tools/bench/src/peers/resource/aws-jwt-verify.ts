// It fetches keys over https only, so `cacheJwks` provides them.
import { JwtVerifier } from 'aws-jwt-verify'
import Fastify from 'fastify'
import { audience, host, issuer, jwksUri, port } from './settings.ts'

const verifier = JwtVerifier.create({ issuer, audience, jwksUri })
verifier.cacheJwks((await (await fetch(jwksUri)).json()) as Parameters<typeof verifier.cacheJwks>[0])
const app = Fastify()
app.decorateRequest('sub', '')
app.get(
  '/me',
  {
    async onRequest(request, reply) {
      try {
        const { sub } = await verifier.verify(request.headers.authorization?.slice('Bearer '.length) ?? '')
        request.setDecorator('sub', sub)
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
