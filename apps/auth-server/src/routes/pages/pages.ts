import { readFileSync } from 'node:fs'
import cookie from '@fastify/cookie'
import { type App, type ErrorBody, acceptForms } from '@heirloom/http-service'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { ErrorPage, Page } from '../../pages/page.ts'
import { renderPage } from '../../pages/render-page.ts'
import { pathOf } from '../../rules/issuer-path.ts'
import { isOwnPost } from '../../rules/own-post.ts'
import type { PagesCookie } from '../../services/authorize/pages-session.ts'
import type { Core } from '../../services/core.ts'
import { authorizePage } from './authorize.ts'
import { type FormTokens, formTokens } from './form-tokens.ts'
import { logoutPage } from './logout.ts'

const STYLE = readFileSync(new URL('../../pages/style.css', import.meta.url), 'utf8')

/** What the routes of pages work with. */
export interface Pages {
  core: Core
  forms: FormTokens
  /** The path of the issuer, before the paths of the server. */
  base: string
  /** @param formAction where a form of the page may lead besides this server, as a source of the policy. */
  show(reply: FastifyReply, status: number, page: Page, formAction?: string): FastifyReply
  redirect(reply: FastifyReply, to: string): FastifyReply
  cookieOf(request: FastifyRequest): string | undefined
  /** Null removes it. */
  setCookie(reply: FastifyReply, value: PagesCookie | null): void
}

/** The pages for people: they work without script, and each has one form. */
export function pageRoutes(app: App, core: Core): void {
  void app.register(async (scope: App) => {
    await scope.register(cookie)
    const pages = pagesOf(core, await formTokens(scope, core.config.tokenSecrets))
    scope.addHook('onSend', async (_request, reply, payload) => {
      const isError = reply.statusCode >= 400 && String(reply.getHeader('content-type')).includes('json')
      if (!isError || typeof payload !== 'string') return payload
      reply.headers(headersOf()).type(HTML)
      return renderPage(errorPageOf(reply.statusCode, JSON.parse(payload) as Static<typeof ErrorBody>), pages.base)
    })
    scope.get('/pages/style.css', { schema: { hide: true } }, (_request, reply) =>
      reply.header('cache-control', 'public, max-age=300').type('text/css; charset=utf-8').send(STYLE),
    )
    const [authorize, logout] = [authorizePage(pages), logoutPage(pages)]
    // No HEAD: it would open sessions that nobody uses.
    const hidden = { exposeHeadRoute: false, schema: { hide: true } }
    scope.get('/oauth2/authorize', hidden, authorize.get)
    scope.get('/logout', hidden, logout.get)
    await scope.register(async (forms: App) => {
      acceptForms(forms, { keepsQuery: true })
      forms.addHook('onRequest', (request, _reply, done) => {
        const { origin, 'sec-fetch-site': site } = request.headers
        done(isOwnPost(origin, site?.toString(), core.config.issuer) ? undefined : NOT_OWN)
      })
      forms.post<{ Body: FormFields }>('/oauth2/authorize', hidden, authorize.post)
      forms.post<{ Body: FormFields }>('/logout', hidden, logout.post)
    })
  })
}

/** The fields of all forms. */
export interface FormFields {
  form_token?: string
  username?: string
  password?: string
  decision?: string
}

const NOT_OWN = Object.assign(new Error('This form was sent by another page. Begin again where you came from.'), {
  statusCode: 403,
  code: 'HEIRLOOM_FORM_REFUSED',
})

const HTML = 'text/html; charset=utf-8'

/** Nothing inline, no script, no frame. After a post, a browser follows a redirect only to a source of `form-action`. */
const headersOf = (formAction = '') => ({
  'content-security-policy': [
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    `form-action 'self' ${formAction}`.trim(),
  ].join('; '),
  // With `no-referrer`, browsers would send `Origin: null` on our own posts.
  'referrer-policy': 'same-origin',
})

const errorPageOf = (status: number, { error_description: description }: Static<typeof ErrorBody>): ErrorPage => ({
  kind: 'error',
  title: status < 500 ? 'This does not work' : 'Please try again',
  description,
})

function pagesOf(core: Core, forms: FormTokens): Pages {
  const { issuer } = core.config
  const base = pathOf(issuer)
  const isSecure = issuer.startsWith('https:')
  // The prefix binds it to this host and to https. Without https, browsers refuse the prefix.
  const name = isSecure ? '__Host-heirloom-pages' : 'heirloom-pages'
  // A strict one is not sent when the page of another site leads here.
  const attributes = { path: '/', httpOnly: true, secure: isSecure, sameSite: 'lax' as const }
  /** Data, not text, so that the hooks of the server see what is answered. */
  const send = (reply: FastifyReply, data: object, toText: (data: never) => string) => {
    const serialize = (sent: object) =>
      'error_description' in sent
        ? renderPage(errorPageOf(reply.statusCode, sent as Static<typeof ErrorBody>), base)
        : toText(sent as never)
    return reply.type(HTML).serializer(serialize).send(data)
  }
  return {
    core,
    forms,
    base,
    show: (reply, status, page, formAction) =>
      send(reply.code(status).headers(headersOf(formAction)), page, (sent: Page) => renderPage(sent, base)),
    redirect: (reply, to) => send(reply.code(303).headers(headersOf()).header('location', to), {}, () => ''),
    cookieOf: (request) => request.cookies[name],
    setCookie: (reply, value) => {
      if (value) reply.setCookie(name, value.token, { ...attributes, maxAge: value.expiresInSeconds })
      else reply.clearCookie(name, attributes)
    },
  }
}
