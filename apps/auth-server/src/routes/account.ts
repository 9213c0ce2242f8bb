import type { App } from '@heirloom/http-service'
import { callerOf } from '@heirloom/verifier'
import { Type } from 'typebox'
import { changePassword } from '../services/accounts/change-password.ts'
import type { Core } from '../services/core.ts'
import { refuse, tooManyAttempts } from '../services/refusal.ts'
import { register } from '../services/accounts/register.ts'
import { answerRefusal } from './answers.ts'
import { liveSession } from './live-session.ts'
import { Empty, NewPassword, Password, Username, answers } from './schemas.ts'
import { goneSignal } from './tokens.ts'

const UserId = Type.String({ description: 'The id of the user, as in the claim `sub`.' })
const OwnName = Type.String({ description: 'The username as it was typed at registration.' })

export function accountRoutes(app: App, core: Core): void {
  const bearer = { onRequest: [app.authenticate, liveSession(core)] }

  app.post(
    '/auth/register',
    {
      schema: {
        tags: ['account'],
        summary: 'Make an account, if registration is open',
        body: Type.Object({ username: Username, password: NewPassword }),
        response: answers({ 201: Type.Object({ id: UserId, username: OwnName }) }, 400, 403, 409, 429),
      },
    },
    async (request, reply) => {
      if (!core.config.registrationOpen)
        return answerRefusal(reply, refuse('registration_closed', 'Accounts are made by the operator here.'))
      const { waitSeconds } = await core.throttle.attempt(null, request.ip)
      if (waitSeconds !== null) return answerRefusal(reply, tooManyAttempts(waitSeconds))
      const { username, password } = request.body
      const result = await register(core, { username, password, roles: ['user'], signal: goneSignal(reply) })
      if (!result.ok) return answerRefusal(reply, result)
      return reply.code(201).send({ id: result.account.id, username: result.account.username })
    },
  )

  app.post(
    '/auth/password',
    {
      ...bearer,
      schema: {
        tags: ['account'],
        summary: 'Change the password; ends all other sessions',
        body: Type.Object({ current_password: Password, new_password: NewPassword }),
        response: answers({ 204: Empty }, 400, 401, 429),
      },
    },
    async (request, reply) => {
      const account = await core.accounts.byId(callerOf(request).sub)
      if (!account) return answerRefusal(reply, refuse('not_found', 'This account is gone.'))
      const result = await changePassword(core, {
        username: account.username,
        password: request.body.current_password,
        newPassword: request.body.new_password,
        sid: callerOf(request).sid,
        ip: request.ip,
        signal: goneSignal(reply),
      })
      return result.ok ? reply.code(204).send(null) : answerRefusal(reply, result)
    },
  )

  app.get(
    '/auth/me',
    {
      ...bearer,
      schema: {
        tags: ['account'],
        summary: 'The user who is logged in',
        response: answers(
          {
            200: Type.Object({
              id: UserId,
              username: OwnName,
              roles: Type.Array(Type.String(), { description: 'The roles of the user.' }),
              created_at: Type.String({ description: 'When the account was made.' }),
            }),
          },
          401,
        ),
      },
    },
    async (request, reply) => {
      const account = await core.accounts.byId(callerOf(request).sub)
      if (!account) return answerRefusal(reply, refuse('not_found', 'This account is gone.'))
      const { id, username, roles, createdAt } = account
      return { id, username, roles: [...roles], created_at: createdAt.toISOString() }
    },
  )
}
