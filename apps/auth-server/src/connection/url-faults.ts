/** The advice for whoever has put a password into a URL as it is. */
export const PERCENT_ENCODE =
  'percent-encode what has a meaning in a URL (# / ? @ : % and white space) in the user and the password'

/**
 * A store's URL whose password holds a raw `#`, `/` or `?` ends there for whoever reads it, and the rest is a path, a
 * query or a fragment with the `@` in it. @throws Error in words that go after the name of a setting.
 */
export function assertWholeUrl(url: string): void {
  const endsEarly = /^[^/]*:\/\/[^/?#@]*[/?#].*@/s.test(url)
  if (endsEarly || url.includes('#')) throw new Error(`holds a raw # / or ? where it ends early: ${PERCENT_ENCODE}`)
  if (/%(?![\da-f]{2})/i.test(url)) throw new Error(`has a % that begins no percent-encoding: ${PERCENT_ENCODE}`)
}
