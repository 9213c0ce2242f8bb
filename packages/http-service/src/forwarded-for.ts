import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** Some proxies name the port as well. */
const WITH_PORT = /^\[([^\]]*)\](?::\d+)?$|^([\d.]+):\d+$/

/**
 * Leaves of X-Forwarded-For what follows the last entry that is no IP address. Each proxy adds its client at the end, so
 * what stands before junk was not said by a proxy that is trusted. Without the header, the address is that of the
 * connection.
 */
export function cleanForwardedFor(headers: IncomingHttpHeaders): void {
  const given = headers['x-forwarded-for']
  if (given === undefined) return
  const addresses = String(given).split(',').map(toAddress)
  const kept = addresses.slice(addresses.lastIndexOf(null) + 1)
  if (kept.length > 0) headers['x-forwarded-for'] = kept.join(', ')
  else delete headers['x-forwarded-for']
}

/** Null if it is none. A zone means something on the machine that names it only, and may have any length. */
function toAddress(entry: string): string | null {
  const text = entry.trim()
  const bare = WITH_PORT.exec(text)
  const address = bare?.[1] ?? bare?.[2] ?? text
  return isIP(address) !== 0 && !address.includes('%') ? address : null
}
