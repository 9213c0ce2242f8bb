import express from 'express'
import { passportJwtSecret } from 'jwks-rsa'
import passport from 'passport'
import { ExtractJwt, Strategy } from 'passport-jwt'
import { audience, host, issuer, jwksUri, port } from './settings.ts'

passport.use(
  new Strategy(
    {
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKeyProvider: passportJwtSecret({ jwksUri, cache: true, rateLimit: true }),
      issuer,
      audience,
      algorithms: ['RS256'],
    },
    (payload: { sub: string }, done) => done(null, payload),
  ),
)
const app = express()
app.get('/me', passport.authenticate('jwt', { session: false }), (request, response) => {
  response.json({ sub: (request.user as { sub: string }).sub })
})
// As in Fastify: Node's five seconds are too short on a busy machine.
app.listen(port, host).keepAliveTimeout = 72_000
