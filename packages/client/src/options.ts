/** The origin of an http or https address. Null for all others: their opaque origins are all spelt "null". */
export const originOf = ({ protocol, origin }: URL): string | null =>
  protocol === 'https:' || protocol === 'http:' ? origin : null

/** @throws TypeError for an address that is not an http or https URL */
export function readOrigin(address: string | URL): string {
  const origin = originOf(new URL(address))
  if (origin === null) throw new TypeError('`resources` must be http or https URLs.')
  return origin
}

/** @throws TypeError for an address to which no path can be added, or that holds a password */
export function readBase(address: string | URL): string {
  const url = new URL(address)
  if (originOf(url) === null || url.search || url.hash || url.username || url.password) {
    throw new TypeError('`authServer` must be an http or https URL without user name, query and fragment.')
  }
  return url.href.replace(/\/$/, '')
}

/** Timers for a longer time fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** @throws TypeError */
export function checkMs(name: string, value: number, least: number): void {
  if (value >= least && value <= LONGEST_TIMER_MS) return
  throw new TypeError(`\`${name}\` must be from ${least} to ${LONGEST_TIMER_MS}.`)
}
