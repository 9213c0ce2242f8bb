/** Which lists may be fetched, and where. */
export interface ListAddressRules {
  readonly issuer: string
  /** Fetches the issuer's lists from here: an address inside of the network, in place of `issuer`. */
  readonly baseUrl?: string | undefined
  /** Lists that begin with one of these may be fetched, besides those at the issuer's origin. */
  readonly allow?: readonly string[] | undefined
}

/**
 * The address to fetch a list from, or undefined if this service must not call it. A token names the list, and it is signed;
 * still only the operator decides which servers this service calls (SSRF): the issuer's own, and those that are allowed.
 * @param uri an absolute http or https URI.
 */
export function listAddress(uri: string, { issuer, baseUrl, allow = [] }: ListAddressRules): string | undefined {
  const { origin, href, username, password } = new URL(uri)
  if (username || password) return undefined
  if (baseUrl !== undefined) {
    const prefix = withSlash(issuer)
    if (href.startsWith(prefix)) return withSlash(baseUrl) + href.slice(prefix.length)
  }
  if (URL.canParse(issuer) && origin === new URL(issuer).origin) return href
  return allow.some((prefix) => href.startsWith(withSlash(new URL(prefix).href))) ? href : undefined
}

/** `https://auth.example` must not allow `https://auth.example.evil`. */
const withSlash = (url: string) => (url.endsWith('/') ? url : `${url}/`)
