import { BlockList, isIP } from 'node:net'
import { type FetchLimits, fetchText } from '../remote/fetch-text.ts'
import type { Located } from '../remote/remote-document.ts'
import type { Runtime } from '../remote/runtime.ts'
import { parseStrictJson } from '../strict-json.ts'

/** Metadata are less deep. */
const MAX_DEPTH = 8

/**
 * Asks the issuer where its keys are: by RFC 8414 metadata, or else by OpenID Connect discovery, which more servers have.
 * Either document must name exactly this issuer (RFC 8414, section 3.3).
 */
export async function discoverJwksUri(issuer: string, limits: FetchLimits, runtime: Runtime): Promise<Located> {
  const url = oauthMetadataUrl(issuer)
  const fetched = await fetchJson(url, limits, runtime)
  if (fetched.ok) return readMetadata(issuer, url, fetched.document)
  // Only an answer means that these metadata do not exist. Without one, the other address would be silent too.
  if (fetched.status === undefined) return { ok: false, reason: `metadata: ${fetched.reason}`, url }
  const openidUrl = openidMetadataUrl(issuer)
  const openid = await fetchJson(openidUrl, limits, runtime)
  if (openid.ok) return readMetadata(issuer, openidUrl, openid.document)
  return { ok: false, reason: `metadata: ${fetched.reason}, and ${openid.reason} at ${openidUrl}`, url }
}

/** RFC 8414, section 3.1: the well-known part goes between the host and the issuer's path. */
function oauthMetadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname.replace(/\/$/, '')}`
}

/** OpenID Connect Discovery 1.0, section 4: the well-known part goes to the end. */
function openidMetadataUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

async function fetchJson(url: string, limits: FetchLimits, runtime: Runtime) {
  const fetched = await fetchText(url, { accept: 'application/json' }, limits, runtime)
  if (!fetched.ok) return fetched
  const document = parseStrictJson(fetched.text ?? '', MAX_DEPTH)
  return document === undefined
    ? ({ ok: false, reason: 'not strict JSON', status: 200 } as const)
    : ({ ok: true, document } as const)
}

function readMetadata(issuer: string, url: string, document: unknown): Located {
  const refuse = (reason: string): Located => ({ ok: false, reason: `metadata: ${reason}`, url })
  if (typeof document !== 'object' || document === null) return refuse('not an object')
  const { issuer: named, jwks_uri: jwksUri } = document as Record<string, unknown>
  if (named !== issuer) return refuse(`of another issuer, ${nameOf(named)}; the one expected is ${nameOf(issuer)}`)
  if (typeof jwksUri !== 'string') return refuse('no jwks_uri')
  const objection = objectionTo(jwksUri, issuer)
  return objection ? refuse(`jwks_uri ${objection}`) : { ok: true, url: jwksUri }
}

/** For a log: quotes and shortens what another server sent. */
const nameOf = (issuer: unknown) => (typeof issuer === 'string' ? JSON.stringify(issuer.slice(0, 200)) : 'unnamed')

/**
 * Metadata that someone has tampered with must not make a service call its own network (SSRF). So an https issuer must
 * name an https address that is not plainly an internal one. An internal issuer, as in development, may name any address.
 * Names are not resolved: the network has to stop a public name that leads to an internal address.
 */
function objectionTo(jwksUri: string, issuer: string): string | undefined {
  if (!URL.canParse(jwksUri)) return 'is not a URL'
  const target = new URL(jwksUri)
  const home = new URL(issuer)
  if (target.protocol !== 'https:' && !(target.protocol === 'http:' && home.protocol === 'http:')) return 'is not https'
  if (target.username || target.password) return 'holds credentials'
  if (isInternal(target.hostname) && !isInternal(home.hostname)) return 'is an internal address'
  return undefined
}

/** Every address that the IANA special-purpose registries do not call globally reachable, and multicast. */
const internalIpv4 = blockList('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
])

/** In IPv6 only global unicast (2000::/3) is external, without the addresses that contain one of IPv4: Teredo and 6to4. */
const globalIpv6 = blockList('ipv6', [['2000::', 3]])
const internalIpv6 = blockList('ipv6', [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
])

function blockList(family: 'ipv4' | 'ipv6', subnets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList()
  for (const [network, prefix] of subnets) list.addSubnet(network, prefix, family)
  return list
}

/** Names that are not in the public DNS: RFC 6761, 6762, 8375 and 9476, ICANN's `internal`, and names of one label. */
const INTERNAL_NAME = /(?:^|\.)(?:localhost|local|internal|home\.arpa|alt|onion|test|invalid)$|^[^.]*$/

function isInternal(hostname: string): boolean {
  // A final dot stands for the root and changes nothing.
  const name = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const family = isIP(name)
  if (family === 4) return internalIpv4.check(name, 'ipv4')
  if (family === 6) return !globalIpv6.check(name, 'ipv6') || internalIpv6.check(name, 'ipv6')
  return INTERNAL_NAME.test(name)
}
