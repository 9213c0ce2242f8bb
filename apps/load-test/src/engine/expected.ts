// The contract of the services, as their OpenAPI documents have it. An answer counts only if it fits, whatever its status.
import type { Answer } from './servers.ts'

type Body = Record<string, unknown>
type Shape = Record<string, (value: unknown) => boolean>

const text = (value: unknown) => typeof value === 'string' && value !== ''
const count = (value: unknown) => Number.isInteger(value) && (value as number) > 0
const listOf = (shape: Shape) => (value: unknown) =>
  Array.isArray(value) && value.every((one) => !firstFault(one, shape))

/** Of a client that acts for itself. */
const MACHINE_TOKENS: Shape = {
  access_token: (value) => typeof value === 'string' && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(value),
  token_type: (value) => value === 'Bearer',
  expires_in: count,
}
const TOKENS: Shape = {
  ...MACHINE_TOKENS,
  refresh_token: (value) => typeof value === 'string' && value.startsWith('hrt_'),
  refresh_token_expires_in: count,
  session_id: text,
}
const ERROR: Shape = { error: text }

const CALLS: Record<string, Shape> = {
  '/api/public': { message: text },
  '/api/me': { sub: text, client_id: text },
  '/api/reports': { reports: listOf({ id: text, title: text, author: text }) },
}

/** Whose token it is. */
export interface Bearer {
  sub: string
  /** Absent if a client acts for itself. */
  sid?: string
}

/** Reads an access token without verifying it. */
export function bearerOf(token: string): Bearer {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Bearer
  } catch {
    return { sub: '' }
  }
}

/** How an answer breaks the contract of the resource API, as a phrase that follows its name. Null if it fits. 5xx may come from a balancer. */
export function wrongOfCall(path: string, answer: Answer, bearer?: Bearer): string | null {
  const { status } = answer
  if (status === 0 || status >= 500) return null
  if (status === 401 || status === 403) return wrongOf(answer, ERROR)
  if (status !== 200) return unexpected(answer)
  const isOfUser = path === '/api/me' && bearer?.sid !== undefined
  const wrong = wrongOf(answer, { ...CALLS[path], ...(isOfUser && { session_id: text, roles: Array.isArray }) })
  if (wrong !== null || path !== '/api/me' || !bearer) return wrong
  const { sub, session_id: sid } = JSON.parse(answer.body) as Body
  return sub === bearer.sub && sid === bearer.sid ? null : 'answered 200 with the data of another user'
}

/** The same for the auth server. */
export function wrongOfAuth(path: string, answer: Answer): string | null {
  const { status, body } = answer
  if (status === 0 || status >= 500 || status === 429) return null
  if (status === 400 || status === 401 || status === 403) return wrongOf(answer, ERROR)
  if (path === '/auth/logout') return status === 204 && body === '' ? null : unexpected(answer)
  return status === 200 ? wrongOf(answer, TOKENS) : unexpected(answer)
}

/** The same for a token of a client that acts for itself. */
export function wrongOfMachine(answer: Answer): string | null {
  const { status } = answer
  if (status === 0 || status >= 500 || status === 429) return null
  return wrongOf(answer, status === 200 ? MACHINE_TOKENS : ERROR)
}

/** The same for its metadata (RFC 8414, section 3.2). */
export const wrongOfMetadata = (answer: Answer): string | null =>
  answer.status === 200 ? wrongOf(answer, { issuer: text, jwks_uri: text }) : unexpected(answer)

function unexpected({ status, headers }: Answer): string {
  const { location } = headers
  return `answered ${status}${typeof location === 'string' && URL.canParse(location) ? `, a redirect to ${new URL(location).origin}` : ''}`
}

function wrongOf({ status, headers, body }: Answer, shape: Shape): string | null {
  const type = headers['content-type']
  if (body === '') return `answered ${status} without a body`
  if (typeof type !== 'string' || !/^application\/json\b/i.test(type)) {
    return `answered ${status} with ${typeof type === 'string' ? type.slice(0, 40) : 'no content type'} instead of JSON`
  }
  let said: unknown
  try {
    said = JSON.parse(body)
  } catch {
    return `answered ${status} with broken JSON`
  }
  const name = firstFault(said, shape)
  return name === undefined ? null : `answered ${status} with JSON whose "${name}" is missing or wrong`
}

/** The first member that is missing or wrong. */
function firstFault(said: unknown, shape: Shape): string | undefined {
  const body = (typeof said === 'object' && said !== null ? said : {}) as Body
  return Object.keys(shape).find((name) => !shape[name]?.(body[name]))
}
