import fastifyJwt from '@fastify/jwt'
import Fastify, { type FastifyInstance } from 'fastify'
import { TokenRefusedError, fastifyJwtOptions } from '../src/fastify-jwt.ts'
import {
  type AccessTokenClaims,
  type Verifier,
  answerRefusal,
  callerOf,
  createVerifier,
  localKeySet,
} from '../src/index.ts'
import { AUDIENCE, ISSUER, NOW_SECONDS, claimsOf, makeKey, signToken } from './issuer.ts'

export const key = makeKey('key-1')
export const runtime = { now: () => NOW_SECONDS * 1000 }
export const verifierOf = (keys = localKeySet([key.jwk])) =>
  createVerifier({ issuer: ISSUER, audience: AUDIENCE, keys, runtime })
export const verifier = verifierOf()
export const good = signToken(key, claimsOf())

type AnyVerifier = Verifier<AccessTokenClaims>

/** Presents a token in one way. Answers `ok`, or the code of the refusal. */
export type Outcome = (token: string, of: AnyVerifier) => Promise<string>

const byVerify: Outcome = async (token, of) => {
  const verdict = await of.verify(token)
  if (verdict.ok) return 'ok'
  return asExpected(verdict.code, answerRefusal(verdict).status)
}

const services = new WeakMap<AnyVerifier, FastifyInstance>()

/** Any string can be a token here: a header could not carry all of them. */
const byFastifyJwt: Outcome = async (token, of) => {
  const app = services.get(of) ?? serviceOf(of)
  services.set(of, app)
  const answer = await app.inject({
    url: '/',
    headers: { 'x-token': Buffer.from(token, 'utf16le').toString('base64') },
  })
  const code = String(answer.headers['x-outcome'])
  return asExpected(code, answer.statusCode)
}

/** With the status in front, if that is a surprise. */
function asExpected(code: string, status: number): string {
  const expected = code === 'ok' ? 200 : code.endsWith('_unavailable') ? 503 : 401
  return status === expected ? code : `${status} ${code}`
}

function serviceOf(of: AnyVerifier): FastifyInstance {
  const app = Fastify()
  void app.register(
    fastifyJwt,
    fastifyJwtOptions(of, {
      extractToken: ({ headers }) => Buffer.from(String(headers['x-token']), 'base64').toString('utf16le'),
    }),
  )
  app.get('/', async (request, reply) => {
    await request.jwtVerify().catch((error: unknown) => {
      reply.header('x-outcome', error instanceof TokenRefusedError ? error.refusal.code : String(error))
      throw error
    })
    const isTheSame = JSON.stringify(request.user) === JSON.stringify(callerOf(request))
    return reply.header('x-outcome', isTheSame ? 'ok' : 'other claims').send({})
  })
  return app
}

/** Every way to have a token judged: what one refuses, the other must refuse for the same reason. */
export const WAYS: [name: string, outcome: Outcome][] = [
  ['verify()', byVerify],
  ['@fastify/jwt', byFastifyJwt],
]
