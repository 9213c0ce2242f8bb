/** The advice for an operator who put an unencoded password into a URL. */
export const PERCENT_ENCODE =
  'percent-encode reserved characters (# / ? @ : % and white space) in the user and the password'

/**
 * Refuses a URL whose password holds a raw `#`, `/` or `?`. Parsers end the host there, and take the rest, with the `@`, for a
 * path, a query or a fragment. @throws Error whose message goes after the name of the setting.
 */
export function assertWholeUrl(url: string): void {
  const endsEarly = /^[^/]*:\/\/[^/?#@]*[/?#].*@/s.test(url)
  if (endsEarly || url.includes('#')) throw new Error(`has a raw # / or ? before the host: ${PERCENT_ENCODE}`)
  if (/%(?![\da-f]{2})/i.test(url)) throw new Error(`has a % that is not part of a percent-encoding: ${PERCENT_ENCODE}`)
}
