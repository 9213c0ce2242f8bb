import type { Realm } from './realm.ts'

/** What a browser says of the page that sent a request. No script can set these headers. */
export interface SendingPage {
  origin: string | undefined
  /** `Sec-Fetch-Site` (Fetch Metadata). Browsers send it to https and to this machine. */
  fetchSite: string | undefined
}

export type JudgedPage = { ok: true; clientId: string } | { ok: false; description: string }

/**
 * Whether a page may use the cookie of a client, and of which one: the one with the grant `login` that the page's origin
 * belongs to. Pages of the server's own origin use any client, so they name it.
 * @param named the client that the request names.
 */
export function judgePage(
  { origin, fetchSite }: SendingPage,
  named: string | undefined,
  realm: Realm,
  issuer: string,
): JudgedPage {
  if (origin === undefined)
    return refused('A request with the cookie must have the header Origin, as browsers send it.')
  if (fetchSite !== 'same-origin' && fetchSite !== 'same-site')
    return refused('A request with the cookie must come from a page of the same site (Sec-Fetch-Site).')
  if (origin === new URL(issuer).origin && named !== undefined) return { ok: true, clientId: named }
  const owner = realm.origins.get(origin)
  if (!owner)
    return refused('The origin of this page belongs to no client that may log in. On the server, name client_id.')
  if (named !== undefined && named !== owner.id) return refused('The origin of this page belongs to another client.')
  return { ok: true, clientId: owner.id }
}

const refused = (description: string): JudgedPage => ({ ok: false, description })

/**
 * The name of a client's cookie. The prefix binds it to this host and to https, or to this machine, and keeps it from scripts;
 * a browser that does not know the whole prefix applies the rules of `__Host-`.
 */
export const cookieName = (clientId: string): string =>
  // RFC 6265, section 4.1.1: the name is a token, which parentheses must not be in.
  COOKIE_PREFIX + encodeURIComponent(clientId).replaceAll('(', '%28').replaceAll(')', '%29')

export const COOKIE_PREFIX = '__Host-Http-heirloom-'
