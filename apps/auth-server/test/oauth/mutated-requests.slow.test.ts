import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { basic } from '../support/basic.ts'
import { codePoint } from '../support/code-point.ts'
import type { OpenApi } from '../support/declared-answers.ts'
import { FILES, OAUTH_REALM, secretOf } from '../support/oauth-realm.ts'
import { type Form, type FormAnswer, type RealmServer, realmServer } from '../support/realm-server.ts'
import { runs } from '../support/runs.ts'
import { ODD_VALUES } from '../support/odd-values.ts'

const RUNS = runs(5_000)
const FORM = 'application/x-www-form-urlencoded'

/** A call as it goes over the wire. */
interface Call {
  path: string
  headers: Record<string, string>
  body: Buffer
}

let server: RealmServer
/** Good requests, with tokens that are alive, used, ended and forged. */
let good: Call[]
let document: OpenApi
beforeAll(async () => {
  server = await realmServer(OAUTH_REALM)
  document = (await server.send('/openapi.json', {})).body
  const [live, ended, used] = [await server.open('shop'), await server.open('shop'), await server.open('shop')]
  const asShop = basic('shop', secretOf('shop'))
  await server.post('/oauth2/revoke', { token: ended.refresh_token }, asShop)
  await server.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token: used.refresh_token }, asShop)
  const asDesk = { client_id: 'desk', client_secret: secretOf('desk') }
  const tokens = [
    live.refresh_token,
    live.access_token,
    ended.refresh_token,
    used.refresh_token,
    `hrt_${'A'.repeat(72)}`,
  ]
  const call = (path: string, form: Record<string, string>, headers: Record<string, string> = {}): Call => ({
    path,
    headers: { 'content-type': FORM, ...headers },
    body: Buffer.from(new URLSearchParams(form).toString()),
  })
  good = tokens.flatMap((token) => [
    call('/oauth2/token', { grant_type: 'refresh_token', refresh_token: token, scope: 'files:read' }, asShop),
    call('/oauth2/token', { grant_type: 'refresh_token', refresh_token: token, resource: FILES, ...asDesk }),
    call('/oauth2/token', { grant_type: 'client_credentials' }, basic('nightly', secretOf('nightly'))),
    call('/oauth2/introspect', { token, token_type_hint: 'access_token' }, asShop),
    call('/oauth2/introspect', { token }, basic('files-service', secretOf('files-service'))),
    call('/oauth2/revoke', { token, client_id: 'phone' }),
  ])
})

const NAMES = ['grant_type', 'refresh_token', 'client_id', 'client_secret', 'scope', 'resource', 'token', 'code', 'x']
const piece = fc.oneof(
  fc.constantFrom(...ODD_VALUES, ...NAMES),
  fc.string({ maxLength: 30 }),
  fc.string({ unit: codePoint, maxLength: 30 }),
)
const bytes = fc.oneof(
  piece.map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 20 }).map((some) => Buffer.from(some)),
  fc.integer({ min: 100, max: 20_000 }).map((length) => Buffer.alloc(length, 'a')),
)
/** A header holds visible ASCII only: `fetch` sends nothing else. */
const header = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCodePoint(code)),
  maxLength: 40,
})
const paths = ['/oauth2/token', '/oauth2/revoke', '/oauth2/introspect']

type Mutation = (call: Call) => Call
const inserted: fc.Arbitrary<Mutation> = fc
  .tuple(fc.nat(400), fc.nat(80), bytes)
  .map(([at, length, some]) => ({ body, ...call }) => ({
    ...call,
    body: Buffer.concat([body.subarray(0, at), some, body.subarray(at + length)]),
  }))
const added: fc.Arbitrary<Mutation> = fc
  .tuple(fc.constantFrom(...NAMES), bytes)
  .map(([name, value]) => ({ body, ...call }) => ({
    ...call,
    body: Buffer.concat([body, Buffer.from(`&${name}=`), value]),
  }))
const reheaded: fc.Arbitrary<Mutation> = fc
  .tuple(fc.constantFrom('authorization', 'content-type', 'accept', 'content-encoding'), header)
  .map(([name, value]) => (call) => ({ ...call, headers: { ...call.headers, [name]: value.trim() } }))
const reBasic: fc.Arbitrary<Mutation> = bytes.map((some) => (call) => ({
  ...call,
  headers: { ...call.headers, authorization: `Basic ${some.subarray(0, 3_000).toString('base64')}` },
}))
const moved: fc.Arbitrary<Mutation> = fc
  .tuple(fc.constantFrom(...paths), fc.constantFrom('', '', '', '?', '?token=x'))
  .map(([path, query]) => (call) => ({ ...call, path: path + query }))
const mutations = fc.array(fc.oneof(inserted, added, reheaded, reBasic, moved), { minLength: 1, maxLength: 4 })

const send = ({ path, headers, body }: Call) =>
  server.send(path, { method: 'POST', headers, body: new Uint8Array(body) })

/** `send` throws if the answer is not as declared. */
function expectDecent({ status, body, headers }: FormAnswer) {
  expect(status).toBeLessThan(500)
  expect(headers.get('cache-control')).toBe('no-store')
  if (status >= 400) expect(body.error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
}

test(`none of ${RUNS} mutated token, revoke and introspect requests is a fault, or answered in an undeclared way`, async () => {
  const statuses = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(fc.nat(), mutations, async (which, changes) => {
      const original = good[which % good.length] as Call
      const answer = await send(changes.reduce((call, change) => change(call), original))
      expectDecent(answer)
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    }),
    { numRuns: RUNS },
  )
  // The mutations reach the depths, and not only the parser.
  for (const status of [200, 400, 401]) expect(statuses.get(status)).toBeGreaterThan(RUNS / 50)
})

test('requests made from the OpenAPI document are answered as it declares', async () => {
  const calls = paths.flatMap((path) => {
    const { properties = {} } = document.paths[path]?.['post']?.requestBody?.content[FORM]?.schema ?? {}
    const values = fc.oneof(fc.constantFrom(...NAMES, ...paths, FILES, 'shop', 'desk', secretOf('desk')), fc.string())
    const form = fc.record(Object.fromEntries(Object.keys(properties).map((name) => [name, values])), {
      requiredKeys: [],
    })
    return form.map((sent) => ({ path, sent: sent as Form }))
  })
  expect(calls).toHaveLength(3)
  await fc.assert(
    fc.asyncProperty(fc.oneof(...calls), async ({ path, sent }) => expectDecent(await server.post(path, sent))),
    { numRuns: runs(1_000) },
  )
}, 600_000)
