import type { Config } from '../../config.ts'
import { METADATA_PATH, pathOf } from '../../rules/issuer-path.ts'
import type { KeyRow } from './check-postgres.ts'
import type { Finding } from './finding.ts'

const TIMEOUT_MS = 3_000
/** How long until a server publishes a key that another one made. Caches add the lifetime of the key set. */
const PUBLISHED_AFTER_MS = 10_000

/**
 * Asks the issuer as a resource service does (RFC 8414, section 3).
 * @param keys oldest first; null if Postgres did not answer. @param now in milliseconds.
 */
export async function checkIssuer(
  { issuer, jwksMaxAgeSeconds }: Pick<Config, 'issuer' | 'jwksMaxAgeSeconds'>,
  keys: readonly KeyRow[] | null,
  now: number,
): Promise<Finding[]> {
  const finding = (level: Finding['level'], cause: string, cure: string): Finding[] => [
    { level, check: 'issuer', cause, cure },
  ]
  const url = new URL(issuer).origin + METADATA_PATH + pathOf(issuer)
  try {
    const metadata = await fetchJson(url)
    if (metadata['issuer'] !== issuer)
      return finding(
        'broken',
        `${url} answers for the issuer ${JSON.stringify(metadata['issuer'])}, but ISSUER is ${JSON.stringify(issuer)}`,
        'Set exactly the same ISSUER for every server and service, and make its address lead to the servers.',
      )
    const { keys: published } = await fetchJson(String(metadata['jwks_uri']))
    const kids = new Set(Array.isArray(published) ? published.map(({ kid }: { kid?: unknown }) => kid) : [])
    // Older ones may have left the key set already.
    const madeBefore = now - jwksMaxAgeSeconds * 1000 - PUBLISHED_AFTER_MS
    const newest = keys?.findLast(({ createdAt }) => createdAt.getTime() < madeBefore)
    if (newest && !kids.has(newest.kid))
      return finding(
        'broken',
        `The key set of ${issuer} lacks the key ${newest.kid} that is in Postgres`,
        'Make ISSUER lead to the servers of this database: another installation answers there, or a cache keeps an old key set for too long.',
      )
    return []
  } catch (error) {
    return finding(
      'warning',
      `The issuer does not answer from this machine: ${(error as Error).message}`,
      'Start a server, and make the proxy pass on its metadata and key set: resource services fetch them from there.',
    )
  }
}

/** @throws Error with the address and what went wrong there. */
async function fetchJson(url: string): Promise<Record<string, unknown>> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (!response.ok) throw new Error(`status ${response.status}`)
    const document: unknown = await response.json()
    if (typeof document !== 'object' || document === null) throw new Error('no JSON object')
    return document as Record<string, unknown>
  } catch (error) {
    const { message, cause } = error as Error & { cause?: { code?: string } }
    throw new Error(`${url}: ${cause?.code ?? message}`, { cause: error })
  }
}
