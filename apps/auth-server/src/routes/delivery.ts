import cookie from '@fastify/cookie'
import type { App } from '@heirloom/http-service'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { COOKIE_PREFIX, cookieName, judgePage } from '../rules/cookie-page.ts'
import type { Core } from '../services/core.ts'
import { type Refusal, refuse } from '../services/refusal.ts'
import type { PresentedToken } from '../services/sessions/find-family.ts'
import type { TokenAnswer } from '../services/sessions/issue-tokens.ts'
import { answerRefusal } from './answers.ts'

/**
 * Where the refresh token of a request is read and written: in the body, or in a cookie that no script can read (RFC 10017).
 */
export interface Delivery {
  ok: true
  /** The client that the request names, or that the origin of its page belongs to. */
  clientId: string | undefined
  /** The token that the request presents, for the services that take one. */
  presented: PresentedToken
  /** Answers with tokens. */
  send(reply: FastifyReply, tokens: TokenAnswer): FastifyReply
  /** Removes the token from where it is kept, if that is here. */
  forget(reply: FastifyReply): void
}

interface Fields {
  client_id?: string
  refresh_token?: string
  delivery?: 'body' | 'cookie'
}

const ATTRIBUTES = { path: '/', secure: true, httpOnly: true, sameSite: 'strict' } as const

/** The routes of the scope read and write cookies. A request that has one of ours must be JSON, which no form can send. */
export async function deliveries(scope: App, core: Core) {
  await scope.register(cookie)
  scope.addHook('onRequest', async (request, reply) => {
    if (hasCookie(request) && !/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? ''))
      return answerRefusal(reply, refuse('origin_not_allowed', 'A request with the cookie must be JSON.'))
  })

  const inBody = ({ client_id: clientId, refresh_token: token }: Fields): Delivery => ({
    ok: true,
    clientId,
    presented: { takes: 'json', clientId, token: core.refreshTokens.parse(token ?? '') },
    send: (reply, tokens) => reply.code(200).send({ ...bodyOf(tokens), refresh_token: tokens.refresh_token }),
    forget: () => undefined,
  })

  /** Every check of the page, before any work. */
  function inCookie(
    { headers, cookies }: FastifyRequest,
    fields: Fields,
  ): (Delivery & { token: string | undefined }) | Refusal {
    const fetchSite = headers['sec-fetch-site']?.toString()
    const page = judgePage(
      { origin: headers.origin, fetchSite },
      fields.client_id,
      core.realm.current(),
      core.config.issuer,
    )
    if (!page.ok) return refuse('origin_not_allowed', page.description)
    const { clientId } = page
    const name = cookieName(clientId)
    const token = cookies[name]
    return {
      ok: true,
      clientId,
      token,
      presented: { takes: 'cookie', clientId, token: core.refreshTokens.parse(token ?? '') },
      send(reply, tokens) {
        reply.setCookie(name, tokens.refresh_token, { ...ATTRIBUTES, maxAge: tokens.refresh_token_expires_in })
        return reply.code(200).send(bodyOf(tokens))
      },
      forget: (reply) => void reply.clearCookie(name, ATTRIBUTES),
    }
  }

  return {
    /** Of a login, which says itself where its token shall be. */
    ofLogin: (request: FastifyRequest<{ Body: Fields }>): Delivery | Refusal =>
      request.body.delivery === 'cookie' ? inCookie(request, request.body) : inBody(request.body),

    /** Of a request with a token. A token in the body counts, and then no cookie is looked at. */
    ofToken(request: FastifyRequest<{ Body: Fields }>): Delivery | Refusal {
      if (request.body.refresh_token !== undefined) return inBody(request.body)
      const delivery = hasCookie(request) ? inCookie(request, request.body) : NO_TOKEN
      return delivery.ok && delivery.token === undefined ? NO_TOKEN : delivery
    },
  }
}

const hasCookie = ({ cookies }: FastifyRequest) => Object.keys(cookies).some((name) => name.startsWith(COOKIE_PREFIX))

const NO_TOKEN = refuse(
  'invalid_request',
  'body must have required property refresh_token, or the cookie of the client.',
)

/** Exactly the members that the schema declares, without the refresh token. */
const bodyOf = (tokens: TokenAnswer) => ({
  access_token: tokens.access_token,
  token_type: tokens.token_type,
  expires_in: tokens.expires_in,
  refresh_token_expires_in: tokens.refresh_token_expires_in,
  ...(tokens.scope !== undefined && { scope: tokens.scope }),
  session_id: tokens.session_id,
})
