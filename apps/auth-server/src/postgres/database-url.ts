import { PERCENT_ENCODE, assertWholeUrl } from '../connection/url-faults.ts'
import { schemaOf } from './schema-of.ts'
import { readTlsFiles } from '../connection/tls-files.ts'

/** @throws Error whose message goes after "DATABASE_URL". It quotes nothing, because a password may be in any wrong place. */
export function checkDatabaseUrl(url: string): void {
  if (!/^postgres(ql)?:\/\//i.test(url)) throw new Error('must be a URL that begins with postgresql:// or postgres://')
  assertWholeUrl(url)
  const parsed = URL.parse(url)
  if (!parsed) throw new Error(`is not a valid URL: ${PERCENT_ENCODE}, and the port must be a number`)
  readTlsFiles(new Map(parsed.searchParams))
  schemaOf(url)
}
