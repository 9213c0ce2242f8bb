/**
 * Whether a form was posted by a page of this server: by what the browser says of the page. One of the two headers must be
 * there, and whatever is there must fit.
 * @param fetchSite the header `Sec-Fetch-Site` (Fetch Metadata). Browsers send it to https and to this machine.
 */
export function isOwnPost(origin: string | undefined, fetchSite: string | undefined, issuer: string): boolean {
  if (origin === undefined && fetchSite === undefined) return false
  const isOwnOrigin = origin === undefined || origin === new URL(issuer).origin
  return isOwnOrigin && (fetchSite === undefined || fetchSite === 'same-origin')
}
