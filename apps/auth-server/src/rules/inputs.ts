import { Type } from 'typebox'

// Schemas of what both the users' own calls and administration take.

export const Username = Type.String({
  minLength: 1,
  maxLength: 256,
  description: 'The name of the account. Case is ignored.',
})
export const NewPassword = Type.String({
  minLength: 1,
  description: 'At least `PASSWORD_MIN_LENGTH` characters, and not easy to guess.',
})

/** How many items a page has: 1 to 100. A query string has only text. */
export const PAGE_SIZE = '^([1-9][0-9]?|100)$'
/** The position of a session: when it was opened, in milliseconds, and its id. Prisma writes no year beyond 9999. */
export const SESSION_POSITION = '^[0-9]{1,14}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
