import { createHash, hkdfSync } from 'node:crypto'
import jwt from '@fastify/jwt'
import type { App } from '@heirloom/http-service'

/** What a form was made for. It comes back signed, in a hidden field. */
export interface FormState {
  /** `proven`: no form, but the address of the page after a login. Only with the cookie of its session does it say anything. */
  form: 'login' | 'consent' | 'account' | 'logout' | 'proven'
  /** The query string of the page, which is the rest of its state. */
  query: string
  /** The browser's session at the pages, or null. */
  sid: string | null
  /** When the user proved the password for this very request, in milliseconds, or null. */
  authTime: number | null
  /** A hash of what the consent page asked for, or null on another page. */
  shown: string | null
}

export interface FormTokens {
  issue(state: FormState): string
  /** The state of a form, or null if it was not made here for this query, form and session, or too long ago. */
  read(token: string | undefined, expected: Omit<FormState, 'authTime' | 'shown'>): FormState | null
}

/** How long a page may stay open before its form is shown anew. */
const LIFETIME = '30m'
const ALGORITHM = 'HS256'

interface Claims extends Omit<FormState, 'query'> {
  /** A hash, since a query string may be long. */
  query: string
}

/**
 * Forms are signed by `@fastify/jwt`, with a key of their own.
 * @param secrets newest first.
 */
export async function formTokens(scope: App, secrets: readonly string[]): Promise<FormTokens> {
  const keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', 'heirloom form tag', 32)))
  const [newest = Buffer.alloc(0)] = keys
  await scope.register(jwt, { secret: newest, sign: { algorithm: ALGORITHM, expiresIn: LIFETIME } })
  const verify = (token: string): Claims | null => {
    for (const key of keys) {
      try {
        // It checks a claim only if it is there.
        const requiredClaims = ['exp', 'form', 'query', 'sid', 'authTime', 'shown']
        return scope.jwt.verify<Claims>(token, { key, algorithms: [ALGORITHM], requiredClaims })
      } catch {
        // The next key.
      }
    }
    return null
  }
  return {
    issue: ({ query, ...state }) => scope.jwt.sign({ ...state, query: hashOf(query) } satisfies Claims),
    read(token, { form, query, sid }) {
      const claims = token === undefined ? null : verify(token)
      if (!claims || claims.form !== form || claims.query !== hashOf(query) || claims.sid !== sid) return null
      return { form, query, sid, authTime: claims.authTime, shown: claims.shown }
    },
  }
}

const hashOf = (query: string) => createHash('sha256').update(query).digest('base64url')
