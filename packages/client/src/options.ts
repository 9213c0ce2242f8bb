/** The origin of an address that may have a token; null for any other: all opaque origins are spelt "null", and so alike. */
export const originOf = ({ protocol, origin }: URL): string | null =>
  protocol === 'https:' || protocol === 'http:' ? origin : null

/** @throws TypeError for an address that is none, or is no origin of http or https */
export function readOrigin(address: string | URL): string {
  const origin = originOf(new URL(address))
  if (origin === null) throw new TypeError('Each of `resources` must be an address of http or https.')
  return origin
}

/** @throws TypeError for an address to which no path can be added, or that holds a password */
export function readBase(address: string | URL): string {
  const url = new URL(address)
  if (originOf(url) === null || url.search || url.hash || url.username || url.password) {
    throw new TypeError('`authServer` must be an address of http or https, without user name, query and fragment.')
  }
  return url.href.replace(/\/$/, '')
}

/** What a timer takes for longer is over at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** @throws TypeError */
export function checkMs(name: string, value: number, least: number): void {
  if (value >= least && value <= LONGEST_TIMER_MS) return
  throw new TypeError(`\`${name}\` must be a number of milliseconds from ${least} to ${LONGEST_TIMER_MS}.`)
}
