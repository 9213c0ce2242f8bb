import ipaddr from 'ipaddr.js'

/** Everything that is not an address counts as this one: the client made it up, and a proxy passed it on. */
const NO_ADDRESS = 'none'

/** The network that counts as one address: an IPv4 address, or a /64 of IPv6, which is what one customer gets. */
export function networkOf(ip: string): string {
  // Some proxies add the port.
  const bare = /^\[(.+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(ip)
  const text = bare?.[1] ?? bare?.[2] ?? ip
  if (!ipaddr.isValid(text)) return NO_ADDRESS
  const address = ipaddr.process(text)
  return address instanceof ipaddr.IPv6 ? address.parts.slice(0, 4).join(':') : address.toString()
}
