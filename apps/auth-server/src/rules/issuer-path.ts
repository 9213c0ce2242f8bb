/** RFC 8414, section 3.1. */
export const METADATA_PATH = '/.well-known/oauth-authorization-server'

/** The path of an issuer, without a final slash; empty if it has none. */
export const pathOf = (issuer: string): string => new URL(issuer).pathname.replace(/\/$/, '')

/**
 * Answers a function that takes the issuer's path from the path of a request, for a proxy that leaves it there. One that
 * takes it away itself finds everything too. The metadata's address has it at the end (RFC 8414, section 3.1). Undefined if the issuer has no path.
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
