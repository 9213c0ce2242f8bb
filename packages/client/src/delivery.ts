import type { Answer, Call } from './auth-server.ts'
import type { Session } from './session.ts'

/** How refresh tokens travel. */
export interface Delivery {
  /** Whether the refresh token is in a cookie, which all tabs have in common. */
  readonly inCookie: boolean
  refresh(session: Session): Call
  logout(session: Session): Call
}

/** In the bodies of requests and answers. */
export const byBody = (clientId: string | undefined): Delivery => ({
  inCookie: false,
  refresh: ({ refreshToken }) => ({
    path: '/auth/refresh',
    body: { refresh_token: refreshToken, client_id: clientId },
  }),
  logout: ({ refreshToken }) => ({ path: '/auth/logout', body: { refresh_token: refreshToken } }),
})

/** In a cookie that no script can read. */
export const byCookie = (clientId: string | undefined): Delivery => {
  const call = (path: string) => () => ({ path, body: { client_id: clientId } })
  return { inCookie: true, refresh: call('/auth/refresh'), logout: call('/auth/logout') }
}

/** Whether the auth server ends the session, or there is none: RFC 6749, section 5.2, or a request that lacks its cookie. */
export const isOver = ({ status, body }: Answer, delivery: Delivery): boolean =>
  status === 400 && (body['error'] === 'invalid_grant' || (delivery.inCookie && body['error'] === 'invalid_request'))
