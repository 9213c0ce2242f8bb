import { type App, UNSHOWABLE, shownText } from '@heirloom/http-service'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { Core } from '../services/core.ts'
import { logIn } from '../services/sessions/log-in.ts'
import { logOut } from '../services/sessions/revoke.ts'
import { refresh } from '../services/sessions/refresh.ts'
import { answer, answerRefusal } from './answers.ts'
import { deliveries } from './delivery.ts'
import { Username } from '../rules/inputs.ts'
import {
  ClientId,
  Delivery as DeliveryField,
  Empty,
  Password,
  RefreshToken,
  Resource,
  Scope,
  TokenResponse,
  answers,
} from './schemas.ts'

/** The longest name of a device, in characters. */
export const MAX_DEVICE_LENGTH = 200

const BY_COOKIE =
  'A page whose login had `"delivery": "cookie"` sends no token: the browser sends the cookie. The page must be at one of the client’s ' +
  '`origins`, on the same site as this server. Otherwise the answer is 403, and nothing changes.'

export function tokenRoutes(app: App, core: Core): void {
  void app.register(async (scope: App) => {
    const delivery = await deliveries(scope, core)

    scope.post(
      '/auth/login',
      {
        schema: {
          tags: ['tokens'],
          summary: 'Log in and open a session',
          body: Type.Object({
            username: Username,
            password: Password,
            new_password: Type.Optional(
              Type.String({
                minLength: 1,
                description:
                  'Sets this password and ends all other sessions, as `/auth/password` does. Needed after `new_password_required`.',
              }),
            ),
            client_id: ClientId,
            resource: Resource,
            scope: Scope,
            device: Type.Optional(
              Type.String({
                maxLength: MAX_DEVICE_LENGTH,
                pattern: `^[^${UNSHOWABLE}]*$`,
                description: 'A name for the device that the user will recognize. Default: the `User-Agent` header.',
              }),
            ),
            delivery: DeliveryField,
          }),
          response: answers({ 200: TokenResponse }, 400, 401, 403, 429),
        },
      },
      async (request, reply) => {
        const to = delivery.ofLogin(request)
        if (!to.ok) return answerRefusal(reply, to)
        const { username, password, new_password: newPassword, resource, scope: asked, device } = request.body
        const agent = request.headers['user-agent']
        const result = await logIn(core, {
          username,
          password,
          newPassword,
          clientId: to.clientId,
          resources: resource === undefined ? undefined : [resource].flat(),
          scope: asked,
          device: device ?? (agent === undefined ? null : shownText(agent, MAX_DEVICE_LENGTH)),
          ip: request.ip,
          signal: goneSignal(reply),
        })
        return answer(reply, result, (tokens) => to.send(reply, tokens))
      },
    )

    scope.post(
      '/auth/refresh',
      {
        schema: {
          tags: ['tokens'],
          summary: 'Redeem a refresh token for the next one',
          description: `If the answer was lost, send the same request again: it gets the same new refresh token. ${BY_COOKIE}`,
          body: Type.Object({ refresh_token: Type.Optional(RefreshToken), client_id: ClientId }),
          response: answers({ 200: TokenResponse }, 400, 403),
        },
      },
      async (request, reply) => {
        const by = delivery.ofToken(request)
        if (!by.ok) return answerRefusal(reply, by)
        const result = await refresh(core, { ...by.presented, signal: goneSignal(reply) })
        return answer(reply, result, (tokens) => by.send(reply, tokens))
      },
    )

    scope.post(
      '/auth/logout',
      {
        schema: {
          tags: ['tokens'],
          summary: 'End the session of a refresh token',
          description: BY_COOKIE,
          body: Type.Object({ refresh_token: Type.Optional(RefreshToken), client_id: ClientId }),
          response: answers({ 204: Empty }, 400, 403),
        },
      },
      async (request, reply) => {
        const by = delivery.ofToken(request)
        if (!by.ok) return answerRefusal(reply, by)
        const result = await logOut(core, by.presented)
        if (!result.ok && result.error === 'origin_not_allowed') return answerRefusal(reply, result)
        // Also for a token that is not taken here (RFC 7009, section 2.2): the client has no use for it either way.
        by.forget(reply)
        return reply.code(204).send(null)
      },
    )
  })
}

/** Aborts if the client closes the connection before it has its answer. */
export function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort()
  })
  return gone.signal
}
