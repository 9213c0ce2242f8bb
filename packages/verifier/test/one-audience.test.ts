import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { bearerAuth } from '../src/fastify.ts'
import { fastifyJwtOptions } from '../src/fastify-jwt.ts'
import { type Verifier, authorizeRequest, connectBearer, createVerifier, localKeySet } from '../src/index.ts'
import { ISSUER, NOW_SECONDS, claimsOf, makeKey, signToken } from './issuer.ts'

const key = makeKey('key-1')

/** Names that a careless comparison would take for each other. */
const SERVICES = [
  'files',
  'Files',
  'files ',
  'files.example',
  'https://files.example',
  'https://files.example/',
  'https://files.example/mcp',
  'https://files.example:8443',
  'http://files.example',
  'https://mail.example',
]

type Ask = (token: string) => Promise<number>

const WAYS: Record<string, (verifier: Verifier) => Promise<Ask>> = {
  async Fastify(verifier) {
    const app = Fastify()
    await app.register(bearerAuth, { verifier })
    app.get('/', { onRequest: app.authenticate }, () => ({}))
    onTestFinished(() => app.close())
    return async (token) => (await app.inject({ url: '/', headers: bearer(token) })).statusCode
  },
  async Connect(verifier) {
    const guard = connectBearer(verifier)
    const server = createServer((request, response) => guard(request, response, () => response.end()))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    return async (token) => (await fetch(url, { headers: bearer(token) })).status
  },
  async fetch(verifier) {
    return async (token) => {
      const request = new Request('https://files.example/', { headers: bearer(token) })
      const caller = await authorizeRequest(verifier, request)
      return caller.ok ? 200 : caller.response.status
    }
  },
  async '@fastify/jwt'(verifier) {
    const app = Fastify()
    await app.register(fastifyJwt, fastifyJwtOptions(verifier))
    app.get('/', { onRequest: (request) => request.jwtVerify() }, () => ({}))
    onTestFinished(() => app.close())
    return async (token) => (await app.inject({ url: '/', headers: bearer(token) })).statusCode
  },
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

it.each(Object.entries(WAYS))('a token for one service opens no other, by %s', async (_name, start) => {
  const tokens = SERVICES.map((aud) => signToken(key, claimsOf({ aud })))
  const table = await Promise.all(
    SERVICES.map(async (audience) => {
      const keys = localKeySet([key.jwk])
      const runtime = { now: () => NOW_SECONDS * 1000 }
      const ask = await start(createVerifier({ issuer: ISSUER, audience, keys, runtime }))
      const asked: number[] = []
      // Twice, so that a cached verdict is asked too.
      for (const token of [...tokens, ...tokens]) asked.push(await ask(token))
      return asked
    }),
  )
  const diagonal = SERVICES.map((_service, row) => SERVICES.map((_token, column) => (row === column ? 200 : 401)))
  expect(table).toEqual(diagonal.map((row) => [...row, ...row]))
})
