import { type App, UNSHOWABLE, shownText } from '@heirloom/http-service'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { Core } from '../services/core.ts'
import type { TokenAnswer } from '../services/sessions/issue-tokens.ts'
import { logIn } from '../services/sessions/log-in.ts'
import { logOut } from '../services/sessions/revoke.ts'
import { refresh } from '../services/sessions/refresh.ts'
import { answer } from './answers.ts'
import {
  ClientId,
  Empty,
  Password,
  RefreshToken,
  Resource,
  Scope,
  TokenResponse,
  Username,
  answers,
} from './schemas.ts'

/** The longest name of a device, in characters. */
export const MAX_DEVICE_LENGTH = 200

export function tokenRoutes(app: App, core: Core): void {
  app.post(
    '/auth/login',
    {
      schema: {
        tags: ['tokens'],
        summary: 'Log in and open a session',
        body: Type.Object({
          username: Username,
          password: Password,
          client_id: ClientId,
          resource: Resource,
          scope: Scope,
          device: Type.Optional(
            Type.String({
              maxLength: MAX_DEVICE_LENGTH,
              pattern: `^[^${UNSHOWABLE}]*$`,
              description: 'A name for the device, which the user will recognize. Default: the `User-Agent` header.',
            }),
          ),
        }),
        response: answers({ 200: TokenResponse }, 400, 401, 429),
      },
    },
    async (request, reply) => {
      const { username, password, client_id: clientId, resource, scope, device } = request.body
      const agent = request.headers['user-agent']
      const result = await logIn(core, {
        username,
        password,
        clientId,
        resources: resource === undefined ? undefined : [resource].flat(),
        scope,
        device: device ?? (agent === undefined ? null : shownText(agent, MAX_DEVICE_LENGTH)),
        ip: request.ip,
        signal: goneSignal(reply),
      })
      return answer(reply, result, (tokens) => reply.code(200).send(bodyOf(tokens)))
    },
  )

  app.post(
    '/auth/refresh',
    {
      schema: {
        tags: ['tokens'],
        summary: 'Redeem a refresh token for the next one',
        description:
          'A request that is repeated with the same token, because the answer was lost, gets the same successor.',
        body: Type.Object({ refresh_token: RefreshToken, client_id: ClientId }),
        response: answers({ 200: TokenResponse }, 400),
      },
    },
    async (request, reply) => {
      const { refresh_token: refreshToken, client_id: clientId } = request.body
      const token = core.refreshTokens.parse(refreshToken)
      const result = await refresh(core, { token, takes: 'json', clientId, signal: goneSignal(reply) })
      return answer(reply, result, (tokens) => reply.code(200).send(bodyOf(tokens)))
    },
  )

  app.post(
    '/auth/logout',
    {
      schema: {
        tags: ['tokens'],
        summary: 'End the session of a refresh token',
        body: Type.Object({ refresh_token: RefreshToken }),
        response: answers({ 204: Empty }, 400),
      },
    },
    async (request, reply) => {
      // Also for a token that is not taken here (RFC 7009, section 2.2): the client has no use for it either way.
      await logOut(core, { token: core.refreshTokens.parse(request.body.refresh_token), takes: 'json' })
      return reply.code(204).send(null)
    },
  )
}

/** Exactly the members that the schema declares. */
const bodyOf = (tokens: TokenAnswer): Omit<TokenAnswer, 'authorization_expires_in'> => ({
  access_token: tokens.access_token,
  token_type: tokens.token_type,
  expires_in: tokens.expires_in,
  refresh_token: tokens.refresh_token,
  refresh_token_expires_in: tokens.refresh_token_expires_in,
  ...(tokens.scope !== undefined && { scope: tokens.scope }),
  session_id: tokens.session_id,
})

/** Aborts if the client closes the connection before it has its answer. */
export function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort()
  })
  return gone.signal
}
