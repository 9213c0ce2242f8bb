/** What a login by redirect uses of the page. */
export interface Page {
  readonly location: {
    readonly href: string
    readonly origin: string
    readonly search: string
    assign(url: string): void
  }
  readonly history: { readonly state: unknown; replaceState(state: unknown, unused: string, url: string): void }
  readonly sessionStorage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>
}

/** A login that has begun. Each has a place of its own in `sessionStorage`, which other tabs do not see. */
export interface LoginAttempt {
  /** The proof that the code was asked for here (RFC 7636). Absent once the user is back. */
  verifier?: string
  redirectUri: string
  /** The address to show after the login. */
  returnTo: string
  /** When it began, in milliseconds since 1970. */
  begunAt: number
}

const PREFIX = 'heirloom.login.'

/** Nobody types a password for longer. */
const FORGET_AFTER_MS = 24 * 3_600_000

export function beginAttempt({ sessionStorage: storage }: Page, state: string, attempt: LoginAttempt): void {
  const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? '')
  for (const key of keys.filter((name) => name.startsWith(PREFIX))) {
    const { begunAt } = JSON.parse(storage.getItem(key) ?? '{}') as LoginAttempt
    // Another version may have kept something else.
    if (!(Math.abs(attempt.begunAt - begunAt) < FORGET_AFTER_MS)) storage.removeItem(key)
  }
  storage.setItem(PREFIX + state, JSON.stringify(attempt))
}

/** Returns an attempt with its verifier once, and without from then on. Null if there is none with this state. */
export function endAttempt(page: Page, state: string | null): LoginAttempt | null {
  try {
    const storage = page.sessionStorage
    const key = PREFIX + state
    const attempt = JSON.parse(storage.getItem(key) ?? 'null') as LoginAttempt | null
    if (attempt) storage.setItem(key, JSON.stringify({ ...attempt, verifier: undefined }))
    return attempt
  } catch {
    return null
  }
}
