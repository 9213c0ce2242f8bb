import type { App } from '@heirloom/http-service'
import { Type } from 'typebox'
import { withdrawConsent } from '../services/authorize/withdraw-consent.ts'
import { isUuid } from '../rules/uuid.ts'
import type { Core } from '../services/core.ts'
import { refuse } from '../services/refusal.ts'
import { answer, answerRefusal } from './answers.ts'
import { liveSession, userOf } from './live-session.ts'
import { Empty, answers } from './schemas.ts'

const GrantBody = Type.Object({
  id: Type.String({ format: 'uuid', description: 'The id of the grant.' }),
  client_id: Type.String({ description: 'The client of the application.' }),
  client_name: Type.String({ description: 'What the application is called.' }),
  resources: Type.Array(Type.String(), { description: 'The resources that it may use.' }),
  scopes: Type.Array(Type.String(), { description: 'What it may do there.' }),
  created_at: Type.String({ format: 'date-time', description: 'When the user first gave access.' }),
})

/** What the user has allowed applications. First-party ones are not asked about, so they are not here. */
export function grantRoutes(app: App, core: Core): void {
  const bearer = { onRequest: [app.authenticate, liveSession(core)] }

  app.get(
    '/auth/grants',
    {
      ...bearer,
      schema: {
        tags: ['grants'],
        summary: 'List the applications to which the user has given access, newest first',
        response: answers(
          { 200: Type.Object({ grants: Type.Array(GrantBody, { description: 'One for each application.' }) }) },
          401,
          403,
        ),
      },
    },
    async (request, reply) => {
      const consents = await core.consents.ofUser(userOf(request).sub)
      const { clients } = core.realm.current()
      return reply.code(200).send({
        grants: consents.map(({ id, clientId, resources, scopes, createdAt }) => ({
          id,
          client_id: clientId,
          client_name: clients.get(clientId)?.name ?? clientId,
          resources: [...resources],
          scopes: [...scopes],
          created_at: createdAt.toISOString(),
        })),
      })
    },
  )

  app.delete(
    '/auth/grants/:id',
    {
      ...bearer,
      schema: {
        tags: ['grants'],
        summary: 'Withdraw access from an application, and end its sessions',
        params: Type.Object({ id: Type.String({ description: 'The id of the grant, from the list.' }) }),
        response: answers({ 204: Empty }, 401, 403, 404),
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (!isUuid(id)) return answerRefusal(reply, refuse('not_found', 'There is no such grant.'))
      const result = await withdrawConsent(core, userOf(request).sub, id)
      return answer(reply, result, () => reply.code(204).send(null))
    },
  )
}
