import { ErrorBody, type App, errorBody } from '@heirloom/http-service'
import { Type } from 'typebox'
import type { StatusLists } from '../services/status-lists.ts'
import { matchesEtag } from './etag.ts'
import { goneSignal } from './tokens.ts'

const TYPE = 'application/statuslist+jwt'
/** Many proxies close a connection that is silent for a minute. */
const MAX_WAIT_SECONDS = 30

export function statusRoutes(app: App, lists: StatusLists): void {
  app.route({
    // Fastify's own HEAD would give a 304 the length of an empty body.
    method: ['GET', 'HEAD'],
    url: '/status/:list',
    exposeHeadRoute: false,
    schema: {
      tags: ['metadata'],
      summary: 'The sessions that were revoked lately, a bit for each (Token Status List)',
      params: Type.Object({ list: Type.String({ description: 'As an access token names it.' }) }),
      headers: Type.Object({
        'if-none-match': Type.Optional(Type.String({ description: 'The `ETag` of the copy that you have.' })),
        prefer: Type.Optional(
          Type.String({
            description: `\`wait=N\` (RFC 7240): if your copy is current, the answer comes when it is not, or after N seconds, at most ${MAX_WAIT_SECONDS}.`,
          }),
        ),
      }),
      response: {
        200: {
          description: 'A Status List Token, a signed JWT.',
          content: { [TYPE]: { schema: Type.Unsafe<string | Buffer>({ type: 'string' }) } },
        },
        // No body and no Content-Length, which would be that of the unchanged list (RFC 9110, section 8.6).
        304: Type.Unsafe<undefined>({ type: 'null' }),
        404: ErrorBody,
        503: ErrorBody,
      },
    },
    handler: async (request, reply) => {
      const { params, headers } = request
      // No cache may answer with a copy of its own: the replicas' own copies are as old already as the ttl allows.
      reply.header('cache-control', 'no-cache')
      const list = /^(?:0|[1-9]\d{0,8})$/.test(params.list) ? Number(params.list) : -1
      let status = list < 0 ? null : await lists.get(list)
      if (!status) return reply.code(404).send(errorBody('not_found', 'There is no such status list.'))
      const known = headers['if-none-match']
      const waitSeconds = preferredWait(headers.prefer)
      // Also if there is nothing to wait for: a service that always comes after a change must know that this server holds requests.
      if (waitSeconds > 0) reply.header('preference-applied', `wait=${waitSeconds}`)
      if (waitSeconds > 0 && matchesEtag(known, status.etag))
        status = await lists.next(list, status, waitSeconds * 1_000, goneSignal(reply))
      reply.header('etag', status.etag).header('vary', 'accept-encoding')
      if (matchesEtag(known, status.etag)) return reply.code(304).send()
      reply.code(200).type(TYPE)
      if (!takesGzip(headers['accept-encoding'])) return reply.send(status.jwt)
      return reply.header('content-encoding', 'gzip').send(status.gzipped)
    },
  })
}

/** RFC 9110, sections 12.4.2 and 12.5.3. A weight has few digits: any number of them is a regular expression that takes its square. */
export const takesGzip = (accepted = ''): boolean =>
  accepted.split(',').some((coding) => {
    const gzip = /^\s*gzip\s*(?:;\s*q=(\d(?:\.\d{0,3})?)\s*)?$/i.exec(coding)
    return gzip !== null && Number(gzip[1] ?? 1) > 0
  })

/** Seconds; 0 if the client does not want to wait. RFC 7240, section 4.3. */
function preferredWait(prefer: string | undefined): number {
  const [, seconds] = /(?:^|,)\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:[;,]|$)/i.exec(prefer ?? '') ?? []
  return Math.min(Number(seconds ?? 0), MAX_WAIT_SECONDS)
}
