import type { FastifyReply, FastifyRequest } from 'fastify'
import { endPagesSession, readPagesSession } from '../../services/authorize/pages-session.ts'
import type { FormFields, Pages } from './pages.ts'

/** Ends the browser's session at the pages, after one press. */
export function logoutPage(pages: Pages) {
  const { core, forms, base } = pages
  const stateOf = { form: 'logout', query: '', authTime: null, shown: null } as const
  const sessionOf = (request: FastifyRequest) => readPagesSession(core, pages.cookieOf(request))

  return {
    get: async (request: FastifyRequest, reply: FastifyReply) => {
      if (pages.cookieOf(request) === undefined) return pages.show(reply, 200, { kind: 'logged-out' })
      const session = await sessionOf(request)
      const formToken = forms.issue({ ...stateOf, sid: session?.family.sid ?? null })
      const username = session?.account.username ?? null
      return pages.show(reply, 200, { kind: 'logout', action: `${base}/logout`, formToken, username })
    },

    post: async (request: FastifyRequest<{ Body: FormFields }>, reply: FastifyReply) => {
      const sid = (await sessionOf(request))?.family.sid ?? null
      if (!forms.read(request.body.form_token, { ...stateOf, sid })) return pages.redirect(reply, `${base}/logout`)
      await endPagesSession(core, pages.cookieOf(request))
      pages.setCookie(reply, null)
      return pages.show(reply, 200, { kind: 'logged-out' })
    },
  }
}
