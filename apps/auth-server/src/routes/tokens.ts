import { type App, UNSHOWABLE, shownText } from '@heirloom/http-service'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { Core } from '../services/core.ts'
import type { TokenAnswer } from '../services/sessions/issue-tokens.ts'
import { logIn } from '../services/sessions/log-in.ts'
import { logOut } from '../services/sessions/revoke.ts'
import { refresh } from '../services/sessions/refresh.ts'
import type { Refusal } from '../services/refusal.ts'
import { answerRefusal } from './answers.ts'
import { ClientId, Empty, Password, RefreshToken, Scope, TokenResponse, Username, answers } from './schemas.ts'

/** Characters of what a session is known by. */
const LONGEST_DEVICE = 200

export function tokenRoutes(app: App, core: Core): void {
  app.post(
    '/auth/login',
    {
      schema: {
        tags: ['tokens'],
        summary: 'Log in: opens a session',
        body: Type.Object({
          username: Username,
          password: Password,
          client_id: ClientId,
          scope: Scope,
          device: Type.Optional(
            Type.String({
              maxLength: LONGEST_DEVICE,
              pattern: `^[^${UNSHOWABLE}]*$`,
              description: 'What the user knows the device by.',
            }),
          ),
        }),
        response: answers({ 200: TokenResponse }, 400, 401, 429),
      },
    },
    async (request, reply) => {
      const { username, password, client_id: clientId, scope, device } = request.body
      const agent = request.headers['user-agent']
      const result = await logIn(core, {
        username,
        password,
        clientId,
        scope,
        device: device ?? (agent === undefined ? null : shownText(agent, LONGEST_DEVICE)),
        ip: request.ip,
        signal: goneSignal(reply),
      })
      return answerTokens(reply, result)
    },
  )

  app.post(
    '/auth/refresh',
    {
      schema: {
        tags: ['tokens'],
        summary: 'Redeem a refresh token for the next one',
        description: 'Asking again with the same token, because an answer was lost, gives the same successor.',
        body: Type.Object({ refresh_token: RefreshToken, client_id: ClientId }),
        response: answers({ 200: TokenResponse }, 400),
      },
    },
    async (request, reply) => {
      const { refresh_token: refreshToken, client_id: clientId } = request.body
      return answerTokens(reply, await refresh(core, { refreshToken, clientId, signal: goneSignal(reply) }))
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
      await logOut(core, request.body.refresh_token)
      return reply.code(204).send(null)
    },
  )
}

function answerTokens(reply: FastifyReply, result: ({ ok: true } & TokenAnswer) | Refusal) {
  return result.ok ? reply.send(result) : answerRefusal(reply, result)
}

/** Aborted when the client is gone before it has its answer. */
export function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort()
  })
  return gone.signal
}
