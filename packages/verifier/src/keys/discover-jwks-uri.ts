import { BlockList, isIP } from 'node:net'
import { type FetchLimits, fetchDocument } from './fetch-document.ts'
import type { Runtime } from './runtime.ts'

export type Discovered =
  | { readonly ok: true; readonly jwksUri: string }
  /** `url` is the address that was asked. */
  | { readonly ok: false; readonly reason: string; readonly url: string }

/**
 * Asks the issuer where its keys are: RFC 8414 metadata, else OpenID Connect discovery, which more servers have. Whatever
 * either says must name this very issuer (RFC 8414, section 3.3).
 */
export async function discoverJwksUri(issuer: string, limits: FetchLimits, runtime: Runtime): Promise<Discovered> {
  const url = oauthMetadataUrl(issuer)
  const fetched = await fetchDocument(url, limits, runtime)
  if (fetched.ok) return readMetadata(issuer, url, fetched)
  // Only an answer says that there are no such metadata; silence would be the same at the other address.
  if (fetched.status === undefined) return { ok: false, reason: `metadata: ${fetched.reason}`, url }
  const openidUrl = openidMetadataUrl(issuer)
  const openid = await fetchDocument(openidUrl, limits, runtime)
  if (openid.ok) return readMetadata(issuer, openidUrl, openid)
  return { ok: false, reason: `metadata: ${fetched.reason}, and ${openid.reason} at ${openidUrl}`, url }
}

/** RFC 8414, section 3.1: the well-known part stands between the host and the issuer's path. */
function oauthMetadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname.replace(/\/$/, '')}`
}

/** OpenID Connect Discovery 1.0, section 4: it stands at the end. */
function openidMetadataUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

function readMetadata(issuer: string, url: string, fetched: { changed: boolean; document?: unknown }): Discovered {
  const { document } = fetched
  const refuse = (reason: string): Discovered => ({ ok: false, reason: `metadata: ${reason}`, url })
  if (typeof document !== 'object' || document === null) return refuse('not an object')
  const { issuer: named, jwks_uri: jwksUri } = document as Record<string, unknown>
  if (named !== issuer) return refuse(`of another issuer, ${nameOf(named)}; the one expected is ${nameOf(issuer)}`)
  if (typeof jwksUri !== 'string') return refuse('no jwks_uri')
  const objection = objectionTo(jwksUri, issuer)
  return objection ? refuse(`jwks_uri ${objection}`) : { ok: true, jwksUri }
}

/** For a log: what another server sent is quoted, and not at any length. */
const nameOf = (issuer: unknown) => (typeof issuer === 'string' ? JSON.stringify(issuer.slice(0, 200)) : 'unnamed')

/**
 * Metadata that someone has tampered with must not turn a service into a client of its own network (SSRF): an https
 * issuer has an https address that is not plainly an inner one. An issuer that is itself an inner one (development) may
 * point anywhere. Names are not resolved here: a name with an inner address behind it is left to the network.
 */
function objectionTo(jwksUri: string, issuer: string): string | undefined {
  if (!URL.canParse(jwksUri)) return 'is not a URL'
  const target = new URL(jwksUri)
  const home = new URL(issuer)
  if (target.protocol !== 'https:' && !(target.protocol === 'http:' && home.protocol === 'http:')) return 'is not https'
  if (target.username || target.password) return 'holds credentials'
  if (isInner(target.hostname) && !isInner(home.hostname)) return 'is an inner address'
  return undefined
}

const innerAddresses = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  innerAddresses.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  innerAddresses.addSubnet(network, prefix, 'ipv6')
}

function isInner(hostname: string): boolean {
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return true
  const address = hostname.replace(/^\[|\]$/g, '')
  const family = isIP(address)
  // An IPv4 address inside an IPv6 one is looked up as what it is.
  return family !== 0 && innerAddresses.check(address, family === 6 ? 'ipv6' : 'ipv4')
}
