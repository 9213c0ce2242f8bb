import { createHash } from 'node:crypto'
import { readHash } from '../../credentials/hashes/read-hash.ts'
import { type Attributes, faultOfAttributes, isStorable } from '../../rules/attributes.ts'
import { emailAddress } from '../../rules/email.ts'
import { isDeeper } from '../../rules/is-deeper.ts'
import { earlierUsernameKey, usernameKey } from '../../rules/username.ts'
import { isUuid } from '../../rules/uuid.ts'
import type { ImportedUser } from '../../stores/imported-users.ts'

const MEMBERS = ['username', 'password_hash', 'id', 'email', 'roles', 'attributes', 'disabled', 'created_at']
/** RFC 3339, section 5.6. */
const TIME = /^(?:19|20)\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

/** Reads a line. A fault is a sentence about the line, and has no hash in it. */
export function importedUser(
  line: string,
  isRole: (name: string) => boolean,
): { ok: true; user: ImportedUser } | { ok: false; fault: string } {
  const fault = (text: string) => ({ ok: false as const, fault: text })
  const row = parsed(line)
  if (!row) return fault('is not a JSON object')
  const unknown = Object.keys(row).find((member) => !MEMBERS.includes(member))
  if (unknown !== undefined)
    return fault(`has the unknown member ${JSON.stringify(unknown)}; known are: ${MEMBERS.join(', ')}`)

  const { username, password_hash: hash, id = null, roles = null, attributes = {}, disabled = false } = row
  const { email = null, created_at: createdAt = null } = row
  const key = typeof username === 'string' ? usernameKey(username) : null
  if (typeof username !== 'string' || key === null)
    return fault('username must have 1 to 64 letters, digits and . _ @ + -, and no spaces')
  if (hash === undefined) return fault('password_hash is missing; null is for a user without a password')
  if (isDeeper(hash, 4)) return fault('password_hash nests deeper than an object of Keycloak does')
  const passwordHash = typeof hash === 'object' && hash !== null ? JSON.stringify(hash) : hash
  if (passwordHash !== null) {
    if (typeof passwordHash !== 'string') return fault('password_hash must be a text, an object of Keycloak, or null')
    // A salt may be any text.
    if (!isStorable(passwordHash)) return fault('password_hash must not contain U+0000 or lone surrogates')
    const read = readHash(passwordHash)
    if ('fault' in read) return fault(`password_hash ${read.fault}`)
  }
  if (id !== null && !(typeof id === 'string' && isUuid(id))) return fault('id must be a UUID')
  const address = typeof email === 'string' ? emailAddress(email) : null
  if (email !== null && !address) return fault('email must be a mail address')
  if (roles !== null && !isTexts(roles)) return fault('roles must be a list of texts')
  const noRole = roles?.find((role) => !isRole(role))
  if (noRole !== undefined) return fault(`roles has ${JSON.stringify(noRole)}, which the realm does not have`)
  const faultOfThem = faultOfAttributes(attributes)
  if (faultOfThem !== null) return fault(`attributes: ${faultOfThem}`)
  if (typeof disabled !== 'boolean') return fault('disabled must be true or false')
  const time = timeOf(createdAt)
  if (createdAt !== null && time === null)
    return fault('created_at must be a time with its zone, such as 2024-05-01T12:30:00Z')

  const user = {
    id: id === null ? null : id.toLowerCase(),
    username: username.normalize('NFKC'),
    usernameKey: key,
    earlierUsernameKey: earlierUsernameKey(username),
    passwordHash,
    email: address,
    roles: roles && [...new Set(roles)],
    attributes: attributes as Attributes,
    disabled,
    createdAt: time,
  }
  return { ok: true, user: { ...user, sha256: createHash('sha256').update(JSON.stringify(user)).digest() } }
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

/** In UTC. Null for a day that no calendar has: JavaScript would take it for the next one. */
function timeOf(value: unknown): string | null {
  if (typeof value !== 'string' || !TIME.test(value) || Number.isNaN(Date.parse(value))) return null
  const day = value.slice(0, 10)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day) ? new Date(value).toISOString() : null
}
