// The same middleware works in Express: app.get('/reports', connectBearer(verifier, { scope: 'reports:read' }), handler)
import { createServer } from 'node:http'
import { callerOf, connectBearer, createVerifier } from '@heirloom/verifier'

export const verifier = createVerifier({
  issuer: process.env.ISSUER ?? 'http://127.0.0.1:4000',
  audience: 'resource-api',
})
const mayRead = connectBearer(verifier, { scope: 'reports:read' })

export const server = createServer((request, response) => {
  mayRead(request, response, () => response.end(`Reports for ${callerOf(request).sub}\n`))
})

if (import.meta.main) server.listen(3000)
