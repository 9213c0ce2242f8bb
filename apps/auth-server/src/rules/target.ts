import { AUTH_SERVER, type Client } from './realm.ts'

/** Which resources a request means, by their registered ids and in the order of the client; or why it means none. */
export type Target = { ok: true; resources: readonly string[] } | { ok: false; description: string }

/** A request names no more of them: each is compared with all that the client may ask for. */
export const MAX_RESOURCES = 20

interface Asked {
  client: Client
  /** The values of `resource` (RFC 8707, section 2). None: the default. */
  asked?: readonly string[] | undefined
  /** The issuer's own URI means the auth server. */
  issuer: string
}

/** The resources of a new grant: those that are asked for, or all that the client may ask for. */
export function targetOfGrant({ client, asked, issuer }: Asked): Target {
  return chosen(client.resources, asked, issuer)
}

/**
 * The resources of a token: those that are asked for, which must be in the grant, or else all of the grant. Only tokens of
 * first-party clients may have several: with such a token, a service could call the others.
 * @param granted as in `Grant.resources`.
 */
export function targetOfToken({ client, asked, issuer }: Asked, granted: string | null): Target {
  const target = chosen(stillGranted(client, granted), asked, issuer)
  if (!target.ok || target.resources.length === 1 || client.firstParty) return target
  const choices = target.resources.map((id) => nameOf(id, issuer)).join(' or ')
  return wrong(`A token is for one resource: name one as resource: ${choices}.`)
}

/** What is left of a grant: a resource that the client may no longer ask for is in no new token. */
function stillGranted({ resources }: Client, granted: string | null): readonly string[] {
  const ids = granted?.split(' ')
  return ids ? resources.filter((id) => ids.includes(id)) : resources
}

function chosen(among: readonly string[], asked: readonly string[] = [], issuer: string): Target {
  const meant = asked.map((name) => among.find((id) => name === id || isSame(name, nameOf(id, issuer))))
  if (meant.includes(undefined)) return wrong('This resource is not one that may be asked for here.')
  const resources = meant.length > 0 ? among.filter((id) => meant.includes(id)) : among
  return resources.length > 0 ? { ok: true, resources } : wrong('There is no resource that this client may ask for.')
}

/** Two spellings of a URI are one. A bare name has only one. */
const isSame = (a: string, b: string): boolean => a === b || (URL.parse(a)?.href ?? a) === URL.parse(b)?.href

/** What stands in `aud` for a resource. */
const nameOf = (id: string, issuer: string): string => (id === AUTH_SERVER ? issuer : id)

/** The claim `aud`: the registered spelling of each resource. One is a string, several are an array (RFC 7519, 4.1.3). */
export function audienceOf(resources: readonly string[], issuer: string): string | readonly string[] {
  const names = resources.map((id) => nameOf(id, issuer))
  return names.length === 1 && names[0] !== undefined ? names[0] : names
}

/** RFC 6749, section 5.2, allows no quote, no backslash and nothing beyond ASCII. */
function wrong(description: string): Target {
  return { ok: false, description: description.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?') }
}
