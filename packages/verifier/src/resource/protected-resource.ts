import { isHttpUrl } from '../is-http-url.ts'
import { isScope } from '../requirement.ts'

/** What a service says of itself to clients that do not know it yet (RFC 9728). Everything in it is public. */
export interface ResourceOptions {
  /**
   * The public address of this service: absolute, as clients use it, and never taken from a request. Default: the audience,
   * if that is an http or https URL. It is what clients send as `resource` (RFC 8707), so it should be the audience.
   */
  readonly url?: string
  /** All scopes that clients may need here. Default: the document does not say. */
  readonly scopes?: readonly string[]
  /** For people, such as on a consent page. Default: none. */
  readonly name?: string
  /** The address of a page for developers. Default: none. */
  readonly documentation?: string
}

/** The document of RFC 9728, section 2. */
export interface ResourceMetadata {
  readonly resource: string
  readonly authorization_servers: readonly [string]
  readonly bearer_methods_supported: readonly ['header']
  readonly scopes_supported?: readonly string[]
  readonly resource_name?: string
  readonly resource_documentation?: string
}

export interface ProtectedResource {
  readonly metadata: ResourceMetadata
  /** The absolute address of the document, as challenges name it (RFC 9728, section 5.1). */
  readonly metadataUrl: string
  /** The paths that answer with the document: that of `metadataUrl`, and for a resource with a path also the bare one. */
  readonly metadataPaths: readonly string[]
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/**
 * The metadata of a protected resource, and where they are.
 * @throws TypeError for options that would make a wrong document.
 */
export function protectedResource(issuer: string, audience: string, options: ResourceOptions): ProtectedResource {
  const { url = audience, scopes, name, documentation } = options
  if (options.url === undefined && !isHttpUrl(audience)) {
    throw new TypeError(`resource.url is needed: the audience "${audience}" is a name, and clients need an address.`)
  }
  if (!isHttpUrl(issuer)) throw new TypeError('issuer must be an http or https URL, for clients to find it.')
  const { origin, pathname } = checkUrl(url)
  if (scopes) checkScopes(scopes)
  if (documentation !== undefined && !isHttpUrl(documentation)) {
    throw new TypeError('resource.documentation must be an http or https URL.')
  }
  // Section 3.1: between host and path; the slash of a bare host is dropped.
  const metadataPath = pathname === '/' ? WELL_KNOWN : WELL_KNOWN + pathname
  return {
    metadata: {
      resource: url,
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
      // Section 3.2: no empty list.
      ...(scopes?.length && { scopes_supported: [...scopes] }),
      ...(name !== undefined && { resource_name: name }),
      ...(documentation !== undefined && { resource_documentation: documentation }),
    },
    metadataUrl: origin + metadataPath,
    // MCP clients drop a final slash before they insert the path.
    metadataPaths: [...new Set([metadataPath, metadataPath.replace(/\/$/, ''), WELL_KNOWN])],
  }
}

/** RFC 9728, section 1.2: no fragment. A query SHOULD not be there, and no framework can route it. */
function checkUrl(url: string): URL {
  const parsed = isHttpUrl(url) ? new URL(url) : undefined
  if (!parsed || /[?#\s]/.test(url) || parsed.username || parsed.password) {
    throw new TypeError('resource.url must be an http or https URL without user, query and fragment (RFC 9728, 1.2).')
  }
  if (!/^[\w\-.~/]+$/.test(parsed.pathname)) {
    throw new TypeError('The path of resource.url may have letters, digits and - . _ ~ / (RFC 3986, section 2.3).')
  }
  return parsed
}

function checkScopes(scopes: readonly string[]): void {
  if (!Array.isArray(scopes) || !scopes.every((scope) => isScope(scope) && !scope.includes(' '))) {
    throw new TypeError('resource.scopes must be an array of scope tokens (RFC 6749, section 3.3).')
  }
  // A refresh token is a matter between the client and the authorization server (MCP, section "Refresh Tokens").
  if (scopes.includes('offline_access')) {
    throw new TypeError('resource.scopes must not have offline_access: no resource needs it.')
  }
}
