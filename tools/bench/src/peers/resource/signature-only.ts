// The upper limit for tokens never seen: only the signature is verified.
import { type JsonWebKeyInput, createPublicKey, verify } from 'node:crypto'
import Fastify from 'fastify'
import { SUBJECT } from '../../verify/issuer.ts'
import { host, jwksUri, port } from './settings.ts'

const { keys } = (await (await fetch(jwksUri)).json()) as { keys: [JsonWebKeyInput['key']] }
const publicKey = createPublicKey({ key: keys[0], format: 'jwk' })

const app = Fastify()
app.get('/me', ({ headers: { authorization = '' } }, reply) => {
  const end = authorization.lastIndexOf('.')
  const input = Buffer.from(authorization.slice('Bearer '.length, end), 'latin1')
  const good = verify('sha256', input, publicKey, Buffer.from(authorization.slice(end + 1), 'base64url'))
  void reply.code(good ? 200 : 401).send({ sub: SUBJECT })
})
await app.listen({ host, port })
