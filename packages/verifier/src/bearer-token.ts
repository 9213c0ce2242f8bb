import { type Refusal, refuse } from './refusal.ts'

export const missing = refuse('token_missing', 'The request carries no access token.')
const repeated = refuse('token_repeated', 'The request presents an access token in more than one way.')

/**
 * Finds the token of a request: in one Authorization header (RFC 6750, section 2.1), and nowhere else. A token in the
 * query string would end up in logs and browser histories (RFC 9700, section 4.3.2), so it is not read.
 * @param rawHeaders names and values in turn. node:http's `headers` would hide a second Authorization header.
 * @param url the request's URL, or its path with the query.
 */
export function bearerToken(rawHeaders: readonly string[], url: string): string | Refusal {
  let header: string | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name?.length !== 13 || name.toLowerCase() !== 'authorization') continue
    if (header !== undefined) return repeated
    header = rawHeaders[at + 1]
  }
  // The scheme is case-insensitive (RFC 9110, section 11.1).
  if (header === undefined || !/^bearer(?: |$)/i.test(header)) return missing
  if (hasTokenInQuery(url)) return repeated
  return header.slice(7).trimStart()
}

function hasTokenInQuery(url: string): boolean {
  const query = url.indexOf('?')
  return query >= 0 && new URLSearchParams(url.slice(query)).has('access_token')
}
