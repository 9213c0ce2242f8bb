import type { FamilyId, Grant } from '../rules/family.ts'

type FieldName = Exclude<keyof Grant, 'id'>

/** How both stores keep one field of a grant. */
interface Field<Value> {
  /** Its name in the family's hash in Redis. Short, so that Redis packs the hash. */
  redis: string
  /** Its column in the table `families`. In Prisma it has the name of the field. */
  column: string
  toRedis: (value: Value) => string | number
  /** Undefined if a copy that has no such field cannot be used. */
  fromRedis: (text: string | null) => Value | undefined
  toPostgres: (value: Value) => unknown
  /** @param value as pg reads it. */
  fromPostgres: (value: unknown) => Value
}

const text = (redis: string, column: string): Field<string> => ({
  redis,
  column,
  toRedis: (value) => value,
  fromRedis: (stored) => stored ?? undefined,
  toPostgres: (value) => value,
  fromPostgres: (value) => value as string,
})

const optionalText = (redis: string, column: string): Field<string | null> => ({
  redis,
  column,
  toRedis: (value) => value ?? '',
  fromRedis: (stored) => stored || null,
  toPostgres: (value) => value,
  fromPostgres: (value) => value as string | null,
})

/** A copy without the field may be of a server that does not know it, while Postgres has a value. */
const knownText = (redis: string, column: string): Field<string | null> => ({
  ...optionalText(redis, column),
  fromRedis: (stored) => (stored === null ? undefined : stored || null),
})

/** Milliseconds since the epoch. */
const time = (redis: string, column: string): Field<number> => ({
  redis,
  column,
  toRedis: (value) => value,
  fromRedis: (stored) => (stored === null ? undefined : Number(stored)),
  toPostgres: (value) => new Date(value),
  fromPostgres: (value) => (value as Date).getTime(),
})

const knownTime = (redis: string, column: string): Field<number | null> => ({
  redis,
  column,
  toRedis: (value) => value ?? '',
  fromRedis: (stored) => (stored === null ? undefined : stored ? Number(stored) : null),
  toPostgres: (value) => (value === null ? null : new Date(value)),
  fromPostgres: (value) => (value as Date | null)?.getTime() ?? null,
})

const integer = (redis: string, column: string): Field<number> => ({
  redis,
  column,
  toRedis: (value) => value,
  fromRedis: (stored) => (stored === null ? undefined : Number(stored)),
  toPostgres: (value) => BigInt(value),
  fromPostgres: (value) => Number(value),
})

/** Every field of a grant but its id, which is the key. A new field needs a line here, its type, and its column in prisma/. */
const FIELDS: { [Name in FieldName]: Field<Grant[Name]> } = {
  sid: text('sid', 'sid'),
  userId: text('user', 'user_id'),
  clientId: text('client', 'client_id'),
  scope: text('scope', 'scope'),
  statusIndex: integer('status', 'status_index'),
  resources: knownText('resources', 'resources'),
  bindingKey: optionalText('binding', 'binding_key'),
  createdAt: time('created', 'created_at'),
  expiresAt: time('expires', 'expires_at'),
  parent: knownText('parent', 'parent'),
  authTime: knownTime('auth', 'auth_time'),
}

const ENTRIES = Object.entries(FIELDS) as [FieldName, Field<unknown>][]

/** The names in Redis, in the order in which `grantFromRedis` takes their values. */
export const REDIS_GRANT_FIELDS = ENTRIES.map(([, { redis }]) => redis)

/** The columns, for SQL. */
export const GRANT_COLUMNS = ENTRIES.map(([, { column }]) => column).join(', ')

/** What the store itself gives to a session when a login opens it. */
export type OpenedField = 'createdAt' | 'expiresAt' | 'statusIndex'
const OPENED: readonly string[] = ['createdAt', 'expiresAt', 'statusIndex'] satisfies OpenedField[]
const GIVEN = ENTRIES.filter(([name]) => !OPENED.includes(name))

/** The columns of what a login gives. */
export const GIVEN_COLUMNS = GIVEN.map(([, { column }]) => column)

/** Their values, for JSON. */
export const givenToJson = (grant: Omit<Grant, OpenedField>): Record<string, unknown> =>
  Object.fromEntries(
    GIVEN.map(([name, { column, toPostgres }]) => [column, toPostgres(grant[name as Exclude<FieldName, OpenedField>])]),
  )

/** Each field of the hash, followed by its value. */
export function grantToRedis(grant: Grant): (string | number)[] {
  return ENTRIES.flatMap(([name, { redis, toRedis }]) => [redis, toRedis(grant[name])])
}

/** Null if the copy lacks a field: an older version may have made it. */
export function grantFromRedis(id: FamilyId, values: readonly (string | null)[]): Grant | null {
  const grant: Record<string, unknown> = { id }
  for (const [i, [name, { fromRedis }]] of ENTRIES.entries()) {
    const value = fromRedis(values[i] ?? null)
    if (value === undefined) return null
    grant[name] = value
  }
  return grant as unknown as Grant
}

/** The columns by their names in Prisma. */
export function grantToPostgres(grant: Grant): PrismaGrant {
  const row: Record<string, unknown> = {}
  for (const [name, { toPostgres }] of ENTRIES) row[name] = toPostgres(grant[name])
  return row as PrismaGrant
}

type Instants = 'createdAt' | 'expiresAt'
type PrismaGrant = Omit<Pick<Grant, FieldName>, Instants | 'authTime' | 'statusIndex'> &
  Record<Instants, Date> & { authTime: Date | null; statusIndex: bigint }

/** @param row by the names of the columns. */
export function grantFromPostgres(id: FamilyId, row: object): Grant {
  const grant: Record<string, unknown> = { id }
  for (const [name, { column, fromPostgres }] of ENTRIES)
    grant[name] = fromPostgres((row as Record<string, unknown>)[column])
  return grant as unknown as Grant
}
