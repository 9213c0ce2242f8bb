import type { App } from '@heirloom/http-service'
import { Type } from 'typebox'
import { changePassword } from '../services/accounts/change-password.ts'
import type { Core } from '../services/core.ts'
import { refuse, tooManyAttempts } from '../services/refusal.ts'
import { register } from '../services/accounts/register.ts'
import { answer, answerRefusal } from './answers.ts'
import { answerEndedSession, liveSession, userOf } from './live-session.ts'
import { NewPassword, Username } from '../rules/inputs.ts'
import { Empty, Password, answers } from './schemas.ts'
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
        summary: 'Create an account, if registration is open',
        body: Type.Object({ username: Username, password: NewPassword }),
        response: answers({ 201: Type.Object({ id: UserId, username: OwnName }) }, 400, 403, 409, 429),
      },
    },
    async (request, reply) => {
      if (!core.config.registrationOpen)
        return answerRefusal(
          reply,
          refuse('registration_closed', 'Registration is closed: the operator creates the accounts.'),
        )
      const { waitSeconds } = await core.throttle.attempt(null, request.ip)
      if (waitSeconds !== null) return answerRefusal(reply, tooManyAttempts(waitSeconds))
      const { username, password } = request.body
      const result = await register(core, {
        username,
        password,
        roles: [...core.realm.current().defaultRoles],
        signal: goneSignal(reply),
      })
      return answer(reply, result, ({ account: { id, username: name } }) =>
        reply.code(201).send({ id, username: name }),
      )
    },
  )

  app.post(
    '/auth/password',
    {
      ...bearer,
      schema: {
        tags: ['account'],
        summary: 'Change the password and end all other sessions',
        body: Type.Object({ current_password: Password, new_password: NewPassword }),
        response: answers({ 204: Empty }, 400, 401, 403, 429),
      },
    },
    async (request, reply) => {
      const account = await core.accounts.byId(userOf(request).sub)
      if (!account) return answerEndedSession(reply)
      const result = await changePassword(core, {
        username: account.username,
        password: request.body.current_password,
        newPassword: request.body.new_password,
        sid: userOf(request).sid,
        ip: request.ip,
        signal: goneSignal(reply),
      })
      return answer(reply, result, () => reply.code(204).send(null))
    },
  )

  app.get(
    '/auth/me',
    {
      ...bearer,
      schema: {
        tags: ['account'],
        summary: 'Show the user who is logged in',
        response: answers(
          {
            200: Type.Object({
              id: UserId,
              username: OwnName,
              roles: Type.Array(Type.String(), { description: 'The roles of the user.' }),
              created_at: Type.String({ description: 'When the account was created.' }),
            }),
          },
          401,
          403,
        ),
      },
    },
    async (request, reply) => {
      const account = await core.accounts.byId(userOf(request).sub)
      if (!account) return answerEndedSession(reply)
      const { id, username, roles, createdAt } = account
      return reply.code(200).send({ id, username, roles: [...roles], created_at: createdAt.toISOString() })
    },
  )
}
