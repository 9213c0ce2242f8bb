import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** Some proxies add the port. */
const WITH_PORT = /^\[([^\]]*)\](?::\d+)?$|^([\d.]+):\d+$/

/**
 * Keeps only the entries of X-Forwarded-For after the last one that is not an IP address. Each proxy appends its client, so
 * no trusted proxy wrote anything before junk. Without the header, the client's address is that of the connection.
 */
export function cleanForwardedFor(headers: IncomingHttpHeaders): void {
  const given = headers['x-forwarded-for']
  if (given === undefined) return
  const addresses = String(given).split(',').map(toAddress)
  const kept = addresses.slice(addresses.lastIndexOf(null) + 1)
  if (kept.length > 0) headers['x-forwarded-for'] = kept.join(', ')
  else delete headers['x-forwarded-for']
}

/** Returns null if it is not an address. A zone has a meaning only on the machine that wrote it, and may have any length. */
function toAddress(entry: string): string | null {
  const text = entry.trim()
  const bare = WITH_PORT.exec(text)
  const address = bare?.[1] ?? bare?.[2] ?? text
  return isIP(address) !== 0 && !address.includes('%') ? address : null
}
