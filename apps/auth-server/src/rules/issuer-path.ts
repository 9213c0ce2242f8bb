/** RFC 8414, section 3.1. */
export const METADATA_PATH = '/.well-known/oauth-authorization-server'

/** The path of an issuer without a trailing slash. Empty if the issuer has no path. */
export const pathOf = (issuer: string): string => new URL(issuer).pathname.replace(/\/$/, '')

/**
 * Returns a function that removes the issuer's path from a request's path, or undefined if the issuer has no path. Requests
 * arrive with that path or without it, depending on the proxy. In the address of the metadata the path comes last (RFC 8414,
 * section 3.1).
 */
export function belowIssuer(issuer: string): ((path: string) => string) | undefined {
  const base = pathOf(issuer)
  if (base === '') return undefined
  return (path) => {
    const end = path.indexOf('?')
    const [name, query] = end < 0 ? [path, ''] : [path.slice(0, end), path.slice(end)]
    if (name === METADATA_PATH + base) return METADATA_PATH + query
    return name.startsWith(`${base}/`) ? name.slice(base.length) + query : path
  }
}
