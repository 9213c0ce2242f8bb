import ipaddr from 'ipaddr.js'

/** Everything that is not an address counts as this one: the client made it up, and a proxy passed it on. */
const NO_ADDRESS = 'none'

/**
 * IPv6 addresses that hold an IPv4 address, and in which of their eight parts it begins. A translator (RFC 6052, RFC 7915)
 * gives all of the IPv4 internet one /64; with 6to4 (RFC 3056), one IPv4 address has 65,536 of them.
 */
const HOLDS_IPV4: Partial<Record<string, number>> = { rfc6052: 6, rfc6145: 6, '6to4': 1 }

/** The network that counts as one address: an IPv4 address, or a /64 of IPv6, which is what one customer gets. */
export function networkOf(ip: string): string {
  // Some proxies add the port.
  const bare = /^\[(.+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(ip)
  const text = bare?.[1] ?? bare?.[2] ?? ip
  if (!ipaddr.isValid(text)) return NO_ADDRESS
  const address = ipaddr.process(text)
  if (address instanceof ipaddr.IPv4) return address.toString()
  const at = HOLDS_IPV4[address.range()]
  if (at === undefined) return address.parts.slice(0, 4).join(':')
  return new ipaddr.IPv4(address.parts.slice(at, at + 2).flatMap((part) => [part >> 8, part & 0xff])).toString()
}
