// npm install express express-oauth2-jwt-bearer
import express, { type NextFunction, type Request, type Response } from 'express'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'

const { ISSUER: issuer = 'http://127.0.0.1:4000', PORT = '3000' } = process.env

const app = express()

// The library finds the keys through the issuer's metadata. `strict` checks the type `at+jwt` and the claims of RFC 9068.
app.use(
  auth({ issuerBaseURL: issuer, audience: 'resource-api', tokenSigningAlg: 'RS256', strict: true, clockTolerance: 10 }),
)

app.get('/reports', requiredScopes('reports:read'), (request, response) => {
  response.json({ sub: request.auth?.payload.sub })
})

// The library's errors carry their status and challenge. Without this handler, Express would answer with a stack trace.
app.use(
  (
    error: Error & { status?: number; headers?: object },
    _request: Request,
    response: Response,
    _next: NextFunction,
  ) => {
    response
      .status(error.status ?? 503)
      .set(error.headers ?? {})
      .end()
  },
)

app.listen(Number(PORT))
