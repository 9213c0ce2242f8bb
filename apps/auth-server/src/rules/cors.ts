import type { Realm } from './realm.ts'

/** What pages of other origins may do at an address: the CORS protocol of the Fetch standard, section 3.3. */
export interface CorsRule {
  /** Whose pages. `*`: everyone's, without cookies. */
  origins: '*' | 'realm'
  methods: readonly string[]
  /** What a request may have besides the headers that need no permission. */
  headers: readonly string[]
  /** The browser may send cookies, and set those of the answer. */
  credentials: boolean
}

const CALL = { origins: 'realm', methods: ['POST'], headers: ['authorization', 'content-type'] } as const

/**
 * By path; with a slash at its end, for all below it. The first that fits counts. Pages may call nothing that is not here, above
 * all not /oauth2/authorize.
 */
const RULES: readonly (readonly [string, CorsRule])[] = [
  ['/auth/login', { ...CALL, credentials: true }],
  ['/auth/refresh', { ...CALL, credentials: true }],
  ['/auth/logout', { ...CALL, credentials: true }],
  ['/auth/', { ...CALL, methods: ['GET', 'HEAD', 'POST', 'DELETE'], credentials: false }],
  ['/oauth2/token', { ...CALL, credentials: false }],
  ['/oauth2/revoke', { ...CALL, credentials: false }],
  ['/.well-known/', { origins: '*', methods: ['GET', 'HEAD'], headers: ['if-none-match'], credentials: false }],
  ['/status/', { origins: '*', methods: ['GET', 'HEAD'], headers: ['if-none-match', 'prefer'], credentials: false }],
]

/** Null: nothing for pages of other origins. */
export function corsRule(path: string): CorsRule | null {
  return RULES.find(([own]) => (own.endsWith('/') ? path.startsWith(own) : path === own))?.[1] ?? null
}

/** The value of `Access-Control-Allow-Origin`, or null. What a realm has not registered is never sent back. */
export function allowedOrigin({ origins }: CorsRule, origin: string | undefined, realm: Realm): string | null {
  if (origins === '*') return '*'
  return origin !== undefined && realm.origins.has(origin) ? origin : null
}
