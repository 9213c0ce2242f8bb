import type { App } from '@heirloom/http-service'
import { type KeySet, createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import { ADMINISTRATION } from '../../rules/administration.ts'
import { type ServerAdminParts, actingAs } from '../../services/admin/admin-parts.ts'
import { answer } from '../answers.ts'
import { answers } from '../schemas.ts'
import { administrator, administratorOf, onlyWithResource } from './guard.ts'
import type { Operation } from '../../operations/operation.ts'
import { OPERATIONS } from '../../operations/operations.ts'

/** The calls under /admin: a route for each operation. @param keys the public keys of this server. */
export async function adminRoutes(app: App, parts: ServerAdminParts, keys: KeySet): Promise<void> {
  const { core } = parts
  await app.register(async (scope) => {
    // Its guards take tokens for the administration, where those of the other routes take tokens for the issuer.
    const verifier = createVerifier({ issuer: core.config.issuer, audience: ADMINISTRATION, keys })
    await scope.register(bearerAuth, { verifier })
    for (const one of OPERATIONS) addRoute(scope, parts, one)
  })
}

function addRoute(app: App, parts: ServerAdminParts, one: Operation): void {
  const { method, path, params, query, body, scope, summary, description } = one
  const { core } = parts
  app.route({
    method,
    url: `/admin${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    onRequest: [onlyWithResource(core), app.requireScope(scope)],
    // After the body, which may take its time: the caller may lose the right meanwhile.
    preValidation: administrator(core, scope),
    schema: {
      tags: ['administration'],
      summary,
      description: [description, `Needs the scope \`${scope}\`.`].filter(Boolean).join(' '),
      ...(params && { params }),
      ...(query && { querystring: query }),
      ...(body && { body }),
      response: answers({ [one.status]: one.answer }, 400, 401, 403, 404, ...one.refusals),
    },
    handler: async (request, reply) => {
      const input = {
        ...(request.query as object),
        ...(request.body as object | undefined),
        ...(request.params as object),
      }
      const result = await one.run(actingAs(parts, administratorOf(request)), input as never)
      return answer(reply, result, ({ ok: _ok, ...answered }) => reply.code(one.status as 200).send(answered as never))
    },
  })
}
