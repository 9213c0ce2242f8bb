import type { FastifyReply, FastifyRequest } from 'fastify'
import { isUuid } from '../../rules/uuid.ts'
import { accountOverview } from '../../services/accounts/account-overview.ts'
import { changePassword } from '../../services/accounts/change-password.ts'
import {
  type PagesSession,
  logInAtPages,
  readPagesSession,
  redeemPagesSession,
} from '../../services/authorize/pages-session.ts'
import { withdrawConsent } from '../../services/authorize/withdraw-consent.ts'
import type { Refusal } from '../../services/refusal.ts'
import { endAllSessions, endSession } from '../../services/sessions/sessions.ts'
import { goneSignal } from '../tokens.ts'
import { FORM_EXPIRED, NO_COOKIE, type RefusedLogin, howOf, problemOf, showLogin, statusOf } from './login-form.ts'
import type { FormFields, Pages } from './pages.ts'

type PageRequest = FastifyRequest<{ Querystring: { done?: string } }>
type Post = FastifyRequest<{ Body: FormFields }>

/** What the page says after a post. */
const DONE: Record<string, string | null> = {
  login: null,
  end: 'The session has ended. Some services may accept it for a few more seconds.',
  withdraw: 'The application no longer has access to your account, and its sessions have ended.',
  password: 'Your password has been changed, and all your other sessions have ended.',
}

/** Where users look after their own account. Each post judges the session and the form anew. */
export function accountPage(pages: Pages) {
  const { core, forms, base } = pages
  const action = `${base}/account`
  const stateOf = (sid: string | null) => ({ form: 'account', query: '', sid, authTime: null, shown: null }) as const

  const login = (reply: FastifyReply, refused?: RefusedLogin) =>
    showLogin(pages, reply, { action, state: stateOf(null), clientName: 'your account' }, refused)

  const goOn = (reply: FastifyReply, done: keyof typeof DONE) => pages.redirect(reply, `${action}?done=${done}`)

  async function show(reply: FastifyReply, session: PagesSession, given: { done?: string; refusal?: Refusal }) {
    const { account, family } = session
    const { done = '', refusal } = given
    return pages.show(reply, refusal ? statusOf(refusal) : 200, {
      kind: 'account',
      action,
      formToken: forms.issue(stateOf(family.sid)),
      username: account.username,
      done: Object.hasOwn(DONE, done) ? (DONE[done] ?? null) : null,
      problem: refusal ? problemOf(refusal) : null,
      logout: `${base}/logout`,
      script: pages.script,
      overview: await accountOverview(core, account.id, family.sid),
    })
  }

  async function logIn(request: Post, reply: FastifyReply) {
    const { username = '', password = '', new_password: newPassword } = request.body
    const credentials = { username, password, newPassword, ip: request.ip, signal: goneSignal(reply) }
    const result = await logInAtPages(core, credentials, howOf(request), null)
    if (!result.ok) return login(reply, { refusal: result, username, hadNewPassword: newPassword !== undefined })
    pages.setCookie(reply, result.cookie)
    return goOn(reply, 'login')
  }

  /** What a user who is logged in asks for. */
  async function act(request: Post, reply: FastifyReply, session: PagesSession): Promise<FastifyReply> {
    const { action: asked, id = '', password = '', new_password: newPassword = '' } = request.body
    const { account, family } = session
    switch (asked) {
      case 'end':
        if (isUuid(id)) await endSession(core, account.id, id, 'session_ended')
        return goOn(reply, asked)
      case 'withdraw':
        if (isUuid(id)) await withdrawConsent(core, account.id, id)
        return goOn(reply, asked)
      case 'end_all':
        await endAllSessions(core, account.id, 'logout_all')
        pages.setCookie(reply, null)
        return pages.show(reply, 200, { kind: 'logged-out' })
      case 'password': {
        const change = { username: account.username, password, newPassword, sid: family.sid, ip: request.ip }
        const result = await changePassword(core, { ...change, signal: goneSignal(reply) })
        return result.ok ? goOn(reply, asked) : show(reply, session, { refusal: result })
      }
      case undefined:
      default:
        return pages.redirect(reply, action)
    }
  }

  return {
    get: async (request: PageRequest, reply: FastifyReply) => {
      const session = await readPagesSession(core, pages.cookieOf(request))
      const { done } = request.query
      if (session) return show(reply, session, { ...(done !== undefined && { done }) })
      const keptNoCookie = done === 'login' && pages.cookieOf(request) === undefined
      return login(reply, keptNoCookie ? { refusal: NO_COOKIE, username: '' } : undefined)
    },

    post: async (request: Post, reply: FastifyReply) => {
      const current = await readPagesSession(core, pages.cookieOf(request))
      const { form_token: formToken, username = '' } = request.body
      if (!forms.read(formToken, stateOf(current?.family.sid ?? null)))
        return current ? pages.redirect(reply, action) : login(reply, { refusal: FORM_EXPIRED, username })
      if (!current) return logIn(request, reply)
      const redeemed = await redeemPagesSession(core, current, goneSignal(reply))
      if (!redeemed) return pages.redirect(reply, action)
      pages.setCookie(reply, redeemed.cookie)
      return act(request, reply, redeemed.session)
    },
  }
}
