import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Page } from '../../pages/page.ts'
import { type AuthorizeError, type AuthorizeRequest, judgeAuthorizeRequest } from '../../rules/authorize-request.ts'
import { formActionSource, isNativeRedirect, withParameters } from '../../rules/redirect-uri.ts'
import { type Authorized, authorize } from '../../services/authorize/authorize.ts'
import {
  type PagesSession,
  logInAtPages,
  readPagesSession,
  redeemPagesSession,
} from '../../services/authorize/pages-session.ts'
import { goneSignal } from '../tokens.ts'
import type { FormState } from './form-tokens.ts'
import { FORM_EXPIRED, NO_COOKIE, type RefusedLogin, howOf, showLogin as showLoginForm } from './login-form.ts'
import type { FormFields, Pages } from './pages.ts'

/** The authorization endpoint (RFC 6749, section 3.1). Its query string is its state, and every post judges it again. */
export function authorizePage(pages: Pages) {
  const { core, forms, base } = pages

  /** Answers a request that is not valid, and returns null; or the valid request. */
  function requestOf(request: FastifyRequest, reply: FastifyReply): AuthorizeRequest | null {
    const judged = judgeAuthorizeRequest(queryOf(request), core.realm.current(), core.config.issuer)
    if (judged.kind === 'valid') return judged.request
    if (judged.kind === 'refused') answerToClient(reply, judged, judged)
    else {
      const { description, error: code } = judged
      pages.show(reply, 400, { kind: 'error', title: 'This link does not work', description, advice: ADVICE, code })
    }
    return null
  }

  /** RFC 6749, section 4.1.2, with the issuer in errors too (RFC 9207). */
  function answerToClient(
    reply: FastifyReply,
    { redirectUri, state }: Pick<AuthorizeRequest, 'redirectUri' | 'state'>,
    given: { code: string } | { error: AuthorizeError; description: string },
  ): FastifyReply {
    const parameters =
      'code' in given ? { code: given.code } : { error: given.error, error_description: given.description }
    const to = { ...parameters, ...(state !== undefined && { state }), iss: core.config.issuer }
    return pages.redirect(reply, withParameters(redirectUri, to))
  }

  const actionOf = (request: FastifyRequest) => `${base}/oauth2/authorize?${queryOf(request)}`

  /** The page that follows a post, and knows of the login in it. */
  function pageAfterLogin(request: FastifyRequest, sid: string | null, authTime: number | null): string {
    if (authTime === null) return actionOf(request)
    const proof = forms.issue({ form: 'proven', query: queryOf(request), sid, authTime, shown: null })
    return `${actionOf(request)}&${PROOF}=${proof}`
  }

  function showLogin(
    request: FastifyRequest,
    reply: FastifyReply,
    { client, redirectUri }: AuthorizeRequest,
    sid: string | null,
    refused?: RefusedLogin,
  ): FastifyReply {
    const state: FormState = { form: 'login', query: queryOf(request), sid, authTime: null, shown: null }
    const formAction = formActionSource(redirectUri)
    return showLoginForm(
      pages,
      reply,
      { action: actionOf(request), state, clientName: client.name, formAction },
      refused,
    )
  }

  function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    asked: AuthorizeRequest,
    session: PagesSession | null,
    authorized: Authorized,
    authTime: number | null,
  ): FastifyReply {
    switch (authorized.kind) {
      case 'log_in':
        return showLogin(request, reply, asked, session?.family.sid ?? null)
      case 'refuse':
        return answerToClient(reply, asked, authorized)
      case 'granted':
        return answerToClient(reply, asked, authorized)
      case 'ask': {
        const sid = session?.family.sid ?? null
        // A page that answers a post cannot be gone back to.
        if (request.method === 'POST') return pages.redirect(reply, pageAfterLogin(request, sid, authTime))
        const { client, redirectUri } = asked
        const { resources, shown } = authorized
        const { protocol, host } = new URL(redirectUri)
        const page: Page = {
          kind: 'consent',
          action: actionOf(request),
          formToken: forms.issue({ form: 'consent', query: queryOf(request), sid, authTime, shown }),
          clientName: client.name,
          username: session?.account.username ?? '',
          otherUser: `${base}/oauth2/authorize?${atLogin(queryOf(request))}`,
          destination: host || protocol,
          isNative: isNativeRedirect(redirectUri),
          resources,
        }
        return pages.show(reply, 200, page, formActionSource(redirectUri))
      }
    }
  }

  return {
    get: async (request: FastifyRequest, reply: FastifyReply) => {
      const asked = requestOf(request, reply)
      if (!asked) return reply
      const session = await readPagesSession(core, pages.cookieOf(request))
      const proof = proofOf(request)
      if (proof !== undefined && pages.cookieOf(request) === undefined)
        return showLogin(request, reply, asked, null, { refusal: NO_COOKIE, username: '' })
      const [query, sid] = [queryOf(request), session?.family.sid ?? null]
      const authTime = forms.read(proof, { form: 'proven', query, sid })?.authTime ?? null
      const authorized = await authorize(core, asked, { session, authTime, decision: null }, howOf(request))
      return answer(request, reply, asked, session, authorized, authTime)
    },

    post: async (request: FastifyRequest<{ Body: FormFields }>, reply: FastifyReply) => {
      const asked = requestOf(request, reply)
      if (!asked) return reply
      const { username, password, new_password: newPassword, decision, form_token: formToken } = request.body
      const current = await readPagesSession(core, pages.cookieOf(request))
      const form = decision === undefined ? 'login' : 'consent'
      // As it was sent: the address that a form is posted to has no proof of a login.
      const state = forms.read(formToken, { form, query: sentQuery(request), sid: current?.family.sid ?? null })
      // The page was open for too long, or the user has logged in or out elsewhere.
      if (!state) {
        if (current || form === 'consent') return pages.redirect(reply, actionOf(request))
        return showLogin(request, reply, asked, null, { refusal: FORM_EXPIRED, username: username ?? '' })
      }

      if (decision === undefined) {
        const credentials = {
          username: username ?? '',
          password: password ?? '',
          newPassword,
          ip: request.ip,
          signal: goneSignal(reply),
        }
        const result = await logInAtPages(core, credentials, howOf(request), current)
        if (!result.ok)
          return showLogin(request, reply, asked, state.sid, {
            refusal: result,
            username: username ?? '',
            hadNewPassword: newPassword !== undefined,
          })
        const { session, cookie, authTime } = result
        pages.setCookie(reply, cookie)
        const authorized = await authorize(core, asked, { session, authTime, decision: null }, howOf(request))
        return answer(request, reply, asked, session, authorized, authTime)
      }

      const redeemed = current && (await redeemPagesSession(core, current, goneSignal(reply)))
      if (!redeemed || (decision !== 'allow' && decision !== 'deny')) return pages.redirect(reply, actionOf(request))
      const { session, cookie } = redeemed
      pages.setCookie(reply, cookie)
      const { authTime, shown } = state
      const authorized = await authorize(core, asked, { session, authTime, decision, shown }, howOf(request))
      return answer(request, reply, asked, session, authorized, authTime)
    },
  }
}

const ADVICE =
  'Go back to the application you came from and try again. If that does not help, tell the people who run it: only they can fix it.'

/** The query string of the same request, of a user who wants to log in as another. */
function atLogin(query: string): string {
  const changed = new URLSearchParams(query)
  const isConsent = changed.get('prompt')?.split(' ').includes('consent')
  changed.set('prompt', isConsent ? 'login consent' : 'login')
  return changed.toString()
}

/** A parameter of our own, always the last: the login that led to this page, signed. It is not part of the request. */
const PROOF = 'heirloom_login'
const PROOF_AT_END = new RegExp(`(?:^|&)${PROOF}=([^&]*)$`)

function sentQuery({ raw: { url = '' } }: FastifyRequest): string {
  const at = url.indexOf('?')
  return at < 0 ? '' : url.slice(at + 1)
}

const queryOf = (request: FastifyRequest) => sentQuery(request).replace(PROOF_AT_END, '')

const proofOf = (request: FastifyRequest) => PROOF_AT_END.exec(sentQuery(request))?.[1]
