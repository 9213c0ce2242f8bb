import ipaddr from 'ipaddr.js'

/** Whatever is no address shares one name: it is a client's own words that a proxy has passed on. */
const NO_ADDRESS = 'none'

/** What is counted as one address: an IPv4 address, or a /64 of IPv6, which is what one customer has. */
export function networkOf(ip: string): string {
  // Some proxies name the port as well.
  const bare = /^\[(.+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(ip)
  const text = bare?.[1] ?? bare?.[2] ?? ip
  if (!ipaddr.isValid(text)) return NO_ADDRESS
  const address = ipaddr.process(text)
  return address instanceof ipaddr.IPv6 ? address.parts.slice(0, 4).join(':') : address.toString()
}
