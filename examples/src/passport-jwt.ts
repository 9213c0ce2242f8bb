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
        rateLimit: true, // without it, each unknown key id makes a request
        cacheMaxAgeFallback: 86_400_000, // milliseconds: how long the last good keys serve while the issuer is away
      }),
      issuer,
      audience: 'resource-api',
      algorithms: ['RS256'],
      jsonWebTokenOptions: { complete: true, clockTolerance: 10 },
    },
    // `complete` hands over the header as well: its type is for us to check, and that the claims are there.
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
