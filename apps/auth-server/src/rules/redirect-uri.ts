/** A redirect to this machine: `http`, one of three hosts, an optional port, and the rest. */
const LOOPBACK = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::\d{1,5})?([/?].*)?$/

/**
 * Whether a redirect URI is one of those that are registered: to the letter (RFC 9700, section 2.1), but with any port on this
 * machine, which a native application cannot choose beforehand (RFC 8252, section 7.3).
 */
export function isRegisteredRedirect(uri: string, registered: readonly string[]): boolean {
  const asked = LOOPBACK.exec(uri)
  return registered.some((one) => {
    if (one === uri) return true
    const known = asked && LOOPBACK.exec(one)
    return !!known && URL.canParse(uri) && known[1] === asked[1] && (known[2] ?? '/') === (asked[2] ?? '/')
  })
}

/** Whether the answer goes to this machine or to a scheme of an application's own, where any program may listen. */
export const isNativeRedirect = (uri: string): boolean => LOOPBACK.test(uri) || !/^https?:/i.test(uri)

/** A redirect URI with parameters, in its own spelling. */
export function withParameters(uri: string, parameters: Readonly<Record<string, string>>): string {
  return `${uri}${uri.includes('?') ? '&' : '?'}${new URLSearchParams(parameters).toString()}`
}

/**
 * The source of a redirect URI for the directive `form-action`, which also governs where a form leads after its post. It can
 * match neither an IPv6 address nor a scheme without a host, so for those it is the scheme.
 */
export function formActionSource(uri: string): string {
  const { protocol, origin, hostname } = new URL(uri)
  return /^https?:$/.test(protocol) && !hostname.startsWith('[') ? origin : protocol
}
