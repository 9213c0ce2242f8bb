import type { FastifyReply, FastifyRequest } from 'fastify'
import { endPagesSession, readPagesSession } from '../../services/authorize/pages-session.ts'
import type { FormFields, Pages } from './pages.ts'

/** Ends the browser's session at the pages, after one press. */
export function logoutPage(pages: Pages) {
  const { core, forms, base } = pages
  const stateOf = { form: 'logout', query: '', authTime: null } as const
  const sidOf = async (request: FastifyRequest) =>
    (await readPagesSession(core, pages.cookieOf(request)))?.family.sid ?? null

  return {
    get: async (request: FastifyRequest, reply: FastifyReply) => {
      if (pages.cookieOf(request) === undefined) return pages.show(reply, 200, { kind: 'logged-out' })
      const formToken = forms.issue({ ...stateOf, sid: await sidOf(request) })
      return pages.show(reply, 200, { kind: 'logout', action: `${base}/logout`, formToken })
    },

    post: async (request: FastifyRequest<{ Body: FormFields }>, reply: FastifyReply) => {
      const sid = await sidOf(request)
      if (!forms.read(request.body.form_token, { ...stateOf, sid })) return pages.redirect(reply, `${base}/logout`)
      await endPagesSession(core, pages.cookieOf(request))
      pages.setCookie(reply, null)
      return pages.show(reply, 200, { kind: 'logged-out' })
    },
  }
}
