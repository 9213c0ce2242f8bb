import cookie from '@fastify/cookie'
import { type App, type ErrorBody, acceptForms } from '@heirloom/http-service'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { ErrorPage, Page } from '../../pages/page.ts'
import { renderPage } from '../../pages/render-page.ts'
import { type Asset, icon, localTimes, stylesheet } from '../../pages/assets.ts'
import { pathOf } from '../../rules/issuer-path.ts'
import { isOwnPost } from '../../rules/own-post.ts'
import type { PagesCookie } from '../../services/authorize/pages-session.ts'
import type { Core } from '../../services/core.ts'
import { accountPage } from './account.ts'
import { authorizePage } from './authorize.ts'
import { type FormTokens, formTokens } from './form-tokens.ts'
import { logoutPage } from './logout.ts'

/** What the routes of pages work with. */
export interface Pages {
  core: Core
  forms: FormTokens
  /** The path of the issuer, before the paths of the server. */
  base: string
  render(page: Page): string
  /** @param formAction where a form of the page may lead besides this server, as a source of the policy. */
  show(reply: FastifyReply, status: number, page: Page, formAction?: string): FastifyReply
  /** The address of the script of the account page. */
  script: string
  redirect(reply: FastifyReply, to: string): FastifyReply
  cookieOf(request: FastifyRequest): string | undefined
  /** Null removes it. */
  setCookie(reply: FastifyReply, value: PagesCookie | null): void
}

/** The pages for people. They work without script. */
export function pageRoutes(app: App, core: Core): void {
  void app.register(async (scope: App) => {
    await scope.register(cookie)
    const { color } = core.config.pages
    const assets = { style: stylesheet(color), icon: icon(color), script: localTimes() }
    const pages = pagesOf(core, await formTokens(scope, core.config.tokenSecrets), assets)
    scope.addHook('onSend', async (_request, reply, payload) => {
      const isError = reply.statusCode >= 400 && String(reply.getHeader('content-type')).includes('json')
      if (!isError || typeof payload !== 'string') return payload
      reply.headers(headersOf()).type(HTML)
      return pages.render(errorPageOf(reply.statusCode, JSON.parse(payload) as Static<typeof ErrorBody>))
    })
    for (const [path, { text, type, version }] of [
      [STYLE, assets.style],
      [ICON, assets.icon],
      [SCRIPT, assets.script],
    ] as const)
      scope.get<{ Querystring: { v?: string } }>(path, { schema: { hide: true } }, (request, reply) => {
        // During a deployment, another server may have rendered the page.
        const isThis = request.query.v === version
        reply.header('cache-control', isThis ? 'public, max-age=31536000, immutable' : 'no-cache')
        return reply.type(type).send(text)
      })
    const [authorize, account, logout] = [authorizePage(pages), accountPage(pages), logoutPage(pages)]
    // No HEAD: it would open sessions that nobody uses.
    const hidden = { exposeHeadRoute: false, schema: { hide: true } }
    scope.get('/oauth2/authorize', hidden, authorize.get)
    scope.get('/account', hidden, account.get)
    scope.get('/logout', hidden, logout.get)
    await scope.register(async (forms: App) => {
      acceptForms(forms, { keepsQuery: true })
      forms.addHook('onRequest', (request, _reply, done) => {
        const { origin, 'sec-fetch-site': site } = request.headers
        done(isOwnPost(origin, site?.toString(), core.config.issuer) ? undefined : NOT_OWN)
      })
      forms.post<{ Body: FormFields }>('/oauth2/authorize', hidden, authorize.post)
      forms.post<{ Body: FormFields }>('/account', hidden, account.post)
      forms.post<{ Body: FormFields }>('/logout', hidden, logout.post)
    })
  })
}

/** The fields of all forms. */
export interface FormFields {
  form_token?: string
  username?: string
  password?: string
  new_password?: string
  decision?: string
  /** At the account page, what is to be done. */
  action?: string
  /** The id of the session or the grant that it is done to. */
  id?: string
}

const NOT_OWN = Object.assign(new Error('This form came from another site, so it was ignored.'), {
  statusCode: 403,
  code: 'HEIRLOOM_FORM_REFUSED',
})

const HTML = 'text/html; charset=utf-8'
const STYLE = '/pages/style.css'
const ICON = '/pages/icon.svg'
const SCRIPT = '/pages/local-times.js'

/** Nothing inline, no frame, and no script but of the account page. After a post, a browser follows a redirect only to a source of `form-action`. */
const headersOf = (formAction = '', hasScript = false) => ({
  'content-security-policy': [
    "default-src 'none'",
    ...(hasScript ? ["script-src 'self'"] : []),
    "style-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    `form-action 'self' ${formAction}`.trim(),
  ].join('; '),
  // With `no-referrer`, browsers would send `Origin: null` on our own posts.
  'referrer-policy': 'same-origin',
})

const errorPageOf = (
  status: number,
  { error, error_description: description }: Static<typeof ErrorBody>,
): ErrorPage => ({
  kind: 'error',
  title: status < 500 ? 'That did not work' : 'Please try again',
  description,
  advice:
    status < 500
      ? 'Go back to the application you came from and start again.'
      : 'Wait a moment. Then go back to the application you came from and start again.',
  code: error,
})

function pagesOf(core: Core, forms: FormTokens, assets: Record<'style' | 'icon' | 'script', Asset>): Pages {
  const { issuer, pages } = core.config
  const base = pathOf(issuer)
  const address = (path: string, { version }: Asset) => `${base}${path}?v=${version}`
  const site = { name: pages.name, style: address(STYLE, assets.style), icon: address(ICON, assets.icon) }
  const render = (page: Page) => renderPage(page, site)
  const isSecure = issuer.startsWith('https:')
  // The prefix binds it to this host and to https. Without https, browsers refuse the prefix.
  const name = isSecure ? '__Host-heirloom-pages' : 'heirloom-pages'
  // A strict one is not sent when the page of another site leads here.
  const attributes = { path: '/', httpOnly: true, secure: isSecure, sameSite: 'lax' as const }
  /** Data, not text, so that the hooks of the server see what is answered. */
  const send = (reply: FastifyReply, data: object, toText: (data: never) => string) => {
    const serialize = (sent: object) =>
      'error_description' in sent
        ? render(errorPageOf(reply.statusCode, sent as Static<typeof ErrorBody>))
        : toText(sent as never)
    return reply.type(HTML).serializer(serialize).send(data)
  }
  return {
    core,
    forms,
    base,
    script: address(SCRIPT, assets.script),
    render,
    show: (reply, status, page, formAction) =>
      send(reply.code(status).headers(headersOf(formAction, page.kind === 'account')), page, render),
    redirect: (reply, to) => send(reply.code(303).headers(headersOf()).header('location', to), {}, () => ''),
    cookieOf: (request) => request.cookies[name],
    setCookie: (reply, value) => {
      if (value) reply.setCookie(name, value.token, { ...attributes, maxAge: value.expiresInSeconds })
      else reply.clearCookie(name, attributes)
    },
  }
}
