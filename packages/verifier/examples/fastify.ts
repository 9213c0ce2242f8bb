// Start it, then: curl -i http://127.0.0.1:3000/reports -H "Authorization: Bearer $TOKEN"
import { callerOf, createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import Fastify from 'fastify'

export const verifier = createVerifier({
  issuer: process.env.ISSUER ?? 'http://127.0.0.1:4000',
  audience: 'resource-api',
})

export const app = Fastify({ logger: true })
await app.register(bearerAuth, { verifier })
app.addHook('onClose', async () => verifier.close())

app.get('/me', { onRequest: app.authenticate }, (request) => ({ sub: callerOf(request).sub }))
app.get('/reports', { onRequest: app.requireScope('reports:read') }, () => ({ reports: [] }))
app.get('/stats', { onRequest: app.requireRole('admin') }, () => verifier.stats())

if (import.meta.main) await app.listen({ port: 3000 })
