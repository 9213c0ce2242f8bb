// npm install express passport passport-jwt jwks-rsa
import express from 'express'
import { passportJwtSecret } from 'jwks-rsa'
import passport from 'passport'
import { ExtractJwt, Strategy } from 'passport-jwt'

const { ISSUER: issuer = 'http://127.0.0.1:4000', PORT = '3000' } = process.env

interface Token {
  header: { typ?: string }
  payload: { sub?: string; exp?: number; client_id?: string; scope?: string }
}

passport.use(
  new Strategy(
    {
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKeyProvider: passportJwtSecret({
        jwksUri: `${issuer}/.well-known/jwks.json`,
        rateLimit: true, // without this, each unknown key id causes a request
        cacheMaxAgeFallback: 86_400_000, // milliseconds: how long the last keys are used while the issuer is down
      }),
      issuer,
      audience: 'resource-api',
      algorithms: ['RS256'],
      jsonWebTokenOptions: { complete: true, clockTolerance: 10 },
    },
    // `complete` passes the header too. We must check its type, and that the claims exist.
    ({ header, payload }: Token, done) => {
      const isAccessToken = header.typ === 'at+jwt' && payload.exp && payload.sub && payload.client_id
      done(null, isAccessToken ? payload : false)
    },
  ),
)

const app = express()
app.use(passport.authenticate('jwt', { session: false }))

app.get('/reports', (request, response) => {
  const { sub, scope = '' } = request.user as Token['payload']
  if (scope.split(' ').includes('reports:read')) response.json({ sub })
  else response.status(403).set('www-authenticate', 'Bearer error="insufficient_scope", scope="reports:read"').end()
})

app.listen(Number(PORT))
