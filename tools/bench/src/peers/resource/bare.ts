// The upper limit: the same answer without reading the token.
import Fastify from 'fastify'
import { SUBJECT } from '../../verify/issuer.ts'
import { host, port } from './settings.ts'

const app = Fastify()
app.get('/me', (_request, reply) => void reply.send({ sub: SUBJECT }))
await app.listen({ host, port })
