import express from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import { audience, host, issuer, jwksUri, port } from './settings.ts'

const app = express()
app.get('/me', auth({ issuer, jwksUri, audience, tokenSigningAlg: 'RS256', strict: true }), (request, response) => {
  response.json({ sub: request.auth?.payload.sub })
})
app.use(refuse)
// As in Fastify: Node's five seconds are too short on a busy machine.
app.listen(port, host).keepAliveTimeout = 72_000

/** The library throws, and Express would log each refusal with its stack. An error handler must have four parameters. */
function refuse(_error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) {
  response.status(401).set('WWW-Authenticate', 'Bearer error="invalid_token"').json({ error: 'invalid_token' })
}
