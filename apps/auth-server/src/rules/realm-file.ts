import { type Static, type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { Settings } from 'typebox/system'
import { AUTH_METHODS, GRANT_TYPES } from './realm.ts'

/** What is wrong with a realm, and where: the members that lead there, by their names in a realm file. */
export interface RealmFault {
  path: readonly (string | number)[]
  /** Follows the path: "must be …". */
  text: string
  /** The row or the table that it refers to: it may be right if there is a fault. */
  refersTo?: readonly string[]
}

const DAY_SECONDS = 86_400
const YEARS_10_SECONDS = 3650 * DAY_SECONDS

// A description follows "must be". Bounds are those of the settings that a client's own values take the place of.
const text = (description: string, pattern: string) => Type.String({ description, pattern })
const seconds = (least: number, most: number) =>
  Type.Integer({
    minimum: least,
    maximum: most,
    description: `a whole number of seconds from ${least} to ${most.toLocaleString('en-US')}`,
  })
const list = <Item extends TSchema>(items: Item, description: string, most = 1_000) =>
  Type.Array(items, { maxItems: most, uniqueItems: true, description })
const table = <Row extends TSchema>(row: Row, description: string) => Type.Record(Type.String(), row, { description })
const row = <Members extends Record<string, TSchema>>(members: Members, description: string) =>
  Type.Object(members, { additionalProperties: false, description })
const oneOf = <const Word extends string>(allowed: readonly Word[]) =>
  Type.Enum([...allowed], { description: `one of ${allowed.join(', ')}` })
/** For people, on pages and in terminals. */
const words = () =>
  text('1 to 200 characters without control characters', '^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Bidi_Control}]{1,200}$')
const name = () => text('a text', '')
const names = (what: string) => list(name(), `a list of ${what}, each once`)

export const RESOURCE_MEMBERS = {
  name: Type.Optional(words()),
  scopes: table(words(), 'a table of scopes: `NAME: what it means, in words`'),
  introspectors: Type.Optional(names('client ids')),
  claims: Type.Optional(
    Type.Record(Type.String(), name(), {
      maxProperties: 50,
      description: 'a table of at most 50 claims: `CLAIM: the user attribute that fills it`',
    }),
  ),
  access_token_ttl_seconds: Type.Optional(seconds(1, DAY_SECONDS)),
}
const ResourceRow = row(RESOURCE_MEMBERS, 'a resource')

/** What a client may have set, but for its secrets and whether it is disabled. */
export const CLIENT_MEMBERS = {
  name: Type.Optional(words()),
  auth: Type.Optional(oneOf(AUTH_METHODS)),
  redirect_uris: Type.Optional(names('URIs')),
  grants: Type.Optional(list(oneOf(GRANT_TYPES), `a list of grants, each once: ${GRANT_TYPES.join(', ')}`)),
  resources: Type.Optional(names('resources')),
  scopes: Type.Optional(names('scopes')),
  origins: Type.Optional(names('origins')),
  first_party: Type.Optional(Type.Boolean({ description: 'true or false' })),
  access_token_ttl_seconds: Type.Optional(seconds(1, DAY_SECONDS)),
  refresh_idle_ttl_seconds: Type.Optional(seconds(1, YEARS_10_SECONDS)),
  refresh_absolute_ttl_seconds: Type.Optional(seconds(1, YEARS_10_SECONDS)),
  refresh_grace_seconds: Type.Optional(seconds(0, 300)),
  refresh_late_repeat_gap: Type.Optional(
    Type.Union([Type.Integer({ minimum: 1, maximum: 999_999_999 }), Type.Literal('off')], {
      description: 'a number of generations, 1 or more, or `off`',
    }),
  ),
}

const ClientRow = row(
  {
    ...CLIENT_MEMBERS,
    secret_sha256: Type.Optional(
      list(
        text('the SHA-256 of a secret, 64 digits of lower-case hex', '^[0-9a-f]{64}$'),
        'a list of at most two SHA-256 hashes of secrets, each once',
        2,
      ),
    ),
    disabled: Type.Optional(Type.Boolean({ description: 'true or false' })),
  },
  'a client',
)

const RealmFileSchema = row(
  {
    resources: Type.Optional(table(ResourceRow, 'a table of resources by their ids')),
    roles: Type.Optional(table(names('scopes'), 'a table of roles by their names')),
    clients: Type.Optional(table(ClientRow, 'a table of clients by their ids')),
    default_client: Type.Optional(name()),
    default_roles: Type.Optional(names('roles')),
  },
  'a realm: resources, roles, clients, default_client, default_roles',
)

/** A realm as its file has it. What is left out has its default, or stays as it is. */
export type RealmFile = Static<typeof RealmFileSchema>
export type ClientMembers = Static<typeof ClientRow>

const shape = Compile(RealmFileSchema)
/** TypeBox stops after 8, and a file is told all its faults at once. Nothing else here reads TypeBox's own errors. */
Settings.Set({ maxErrors: 10_000 })

/** What is wrong with the form of a file: unknown and missing members, and values of a wrong type or out of bounds. */
export function shapeFaults(file: unknown): RealmFault[] {
  const faults = new Map<string, RealmFault>()
  const add = (path: string[], textOfFault: string) => {
    const key = JSON.stringify(path)
    if (!faults.has(key)) faults.set(key, { path, text: textOfFault })
  }
  for (const { keyword, instancePath, params } of shape.Errors(file)) {
    const path = fromPointer(instancePath)
    const { additionalProperties, requiredProperties } = params as Record<string, string[] | undefined>
    if (keyword === 'additionalProperties') {
      const known = Object.keys((schemaAt(path) as { properties?: object }).properties ?? {}).join(', ')
      for (const member of additionalProperties ?? []) add([...path, member], `is unknown here; known are: ${known}`)
    } else if (keyword === 'required') {
      for (const member of requiredProperties ?? []) add([...path, member], 'is missing')
    } else if (keyword !== 'boolean') add(path, `must be ${(schemaAt(path) as { description?: string }).description}`)
  }
  return [...faults.values()]
}

/** RFC 6901. */
const fromPointer = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))

interface Schema {
  properties?: Record<string, Schema>
  patternProperties?: Record<string, Schema>
  items?: Schema
}

/** The schema of the value at a path. */
function schemaAt(path: readonly string[]): Schema {
  let schema = RealmFileSchema as Schema
  for (const part of path) {
    const { properties, patternProperties = {}, items } = schema
    const own = properties && Object.hasOwn(properties, part) ? properties[part] : undefined
    schema = own ?? Object.values(patternProperties)[0] ?? items ?? {}
  }
  return schema
}
