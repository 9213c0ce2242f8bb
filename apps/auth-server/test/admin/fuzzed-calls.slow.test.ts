import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { OPERATIONS } from '../../src/operations/operations.ts'
import { type AdminServer, adminServer } from '../support/admin-server.ts'
import { codePoint } from '../support/code-point.ts'
import { PASSWORD, bearer } from '../support/server.ts'

/** `ADMIN_FUZZ_CALLS=10000 npx vitest run` this file, for a whole run. */
const CALLS = Number(process.env['ADMIN_FUZZ_CALLS'] ?? 600)

let server: AdminServer
let token: string
/** Of users, sessions, clients and so on that are there. */
let known: string[]
beforeAll(async () => {
  // A hash for each new user would take all the time.
  server = await adminServer({ LOG_LEVEL: 'warn' })
  token = await server.clientToken('ops')
  const users = await Promise.all(
    ['ada', 'bob', 'cyd'].map(async (username) => {
      const { body } = await server.admin('POST', '/users', {
        username,
        password: PASSWORD,
        email: `${username}@mail.example`,
      })
      const login = await server.call('POST', '/auth/login', { username, password: PASSWORD })
      return [body.id, login.body.session_id]
    }),
  )
  known = [...users.flat(), 'ada', 'web', 'reporter', 'resource-api', 'auth-server-admin', 'user', 'admin']
})

const ODD = [
  '',
  '%',
  "'",
  '"',
  '\\',
  '\0',
  '\r\n',
  'é',
  '😀',
  '\u202e',
  '__proto__',
  'constructor',
  '*',
  '..',
  '{}',
  '[]',
  '1e999',
]
const text = fc.oneof(
  fc.constantFrom(...ODD),
  fc.string({ maxLength: 20 }),
  fc.string({ unit: codePoint, maxLength: 20 }),
  fc.string({ minLength: 200, maxLength: 300 }),
)

interface Schema {
  type?: string
  anyOf?: Schema[]
  enum?: unknown[]
  const?: unknown
  items?: Schema
  properties?: Record<string, Schema>
  pattern?: string
}

/** Mostly values that the schema allows, so that the calls get through to the services. */
function valueOf(schema: Schema): fc.Arbitrary<unknown> {
  const wrong = fc.oneof(text, fc.jsonValue({ maxDepth: 3 }))
  return fc.oneof({ weight: 6, arbitrary: rightOf(schema) }, { weight: 1, arbitrary: wrong })
}

function rightOf({ type, anyOf, enum: choices, const: only, items, pattern }: Schema): fc.Arbitrary<unknown> {
  if (anyOf) return fc.oneof(...anyOf.map(valueOf))
  if (choices) return fc.constantFrom(...choices)
  if (only !== undefined) return fc.constant(only)
  if (type === 'string') {
    if (pattern) return fc.oneof(fc.constantFrom('1', '100', '2030-01-01T00:00:00Z', 'login', '1_1', 'x'), text)
    return fc.oneof(
      fc.nat().map((i) => known[i % known.length] as string),
      fc.emailAddress(),
      text,
    )
  }
  if (type === 'boolean') return fc.boolean()
  if (type === 'integer') return fc.oneof(fc.integer({ min: -1, max: 100_000 }), fc.double())
  if (type === 'null') return fc.constant(null)
  if (type === 'array') return fc.array(items ? valueOf(items) : text, { maxLength: 4 })
  if (type === 'object') return fc.dictionary(text, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 5 })
  return fc.jsonValue()
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed()

const membersOf = (schema: Schema | undefined): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(Object.fromEntries(Object.entries(schema?.properties ?? {}).map(([name, one]) => [name, valueOf(one)])), {
    requiredKeys: [],
  })

/** Ending a client takes five seconds, and a key that is removed ends this run. Removed rows of the realm would, too. */
const calls = OPERATIONS.filter(
  ({ method, path }) => !/disable|^\/keys\/|^\/(clients|resources|roles)\/\{/.test(path) || method === 'GET',
).map((one) =>
  fc
    .tuple(membersOf(one.params), membersOf(one.query), membersOf(one.body), fc.integer({ min: 0, max: 9 }))
    .map(([params, query, body, spoiled]) => {
      const path = one.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
        encodeURIComponent(textOf(params[name] ?? known[spoiled])),
      )
      const search = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(textOf(value))}`)
      const sent = spoiled === 0 ? JSON.stringify(body).slice(1) : JSON.stringify(body)
      return { method: one.method, path: `/admin${path}?${search.join('&')}`, body: one.body ? sent : undefined }
    }),
)

test(`none of ${CALLS} calls made from the schemas is a fault, or answered in an undeclared way`, async () => {
  const statuses = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(fc.oneof(...calls), async ({ method, path, body }) => {
      // `call` throws if the answer is not as declared.
      const { status, headers, body: answered } = await server.call(method, path, body, bearer(token))
      expect(status).toBeLessThan(500)
      if (status < 300) expect(headers.get('cache-control')).toBe('no-store')
      else expect(answered.error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }),
    { numRuns: CALLS },
  )
  console.log(Object.fromEntries(statuses))
  // They reach the services, and not only the parser.
  for (const status of [200, 400, 404]) expect(statuses.get(status) ?? 0).toBeGreaterThan(CALLS / 50)
}, 3_600_000)
