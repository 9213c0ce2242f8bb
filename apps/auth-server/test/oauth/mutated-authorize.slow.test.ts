import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { type Browser, type PageAnswer, answerOf, isConsent, pkce } from '../support/browser.ts'
import { FLOW_CLIENTS, type FlowServer, flowServer } from '../support/code-flow.ts'
import { runs } from '../support/runs.ts'
import { PASSWORD } from '../support/server.ts'
import { ODD_VALUES } from '../support/odd-values.ts'

const RUNS = runs(1_000)
const CLIENTS = ['spa', 'site', 'native', 'own', 'no-code', 'no-refresh', 'nobody']

let server: FlowServer
let browser: Browser
let user: Awaited<ReturnType<FlowServer['user']>>
beforeAll(async () => {
  server = await flowServer({ LOGINS_PER_USER: '1000000', LOGIN_ATTEMPTS_PER_ACCOUNT: '1000000' })
})

/** A browser that is logged in at the pages, and has allowed nothing. */
async function logIn() {
  browser = server.browser()
  user = await server.user()
  await browser.submit(await browser.get(server.address('native')), user.fields)
}

const VALUES = [
  'none',
  'login',
  'consent',
  'none login',
  'S256',
  'plain',
  'code',
  'token',
  'query',
  'fragment',
  'files:read',
  'https://evil.example/callback',
  'http://127.0.0.1:1/callback',
  'https://spa.example/callback/../x',
  'javascript:alert(1)',
  'https://files.example',
  'heirloom:pages',
  pkce().challenge,
  ...CLIENTS,
]
const NAMES = [
  'client_id',
  'redirect_uri',
  'response_type',
  'code_challenge',
  'code_challenge_method',
  'state',
  'scope',
]
const MORE_NAMES = ['resource', 'prompt', 'response_mode', 'heirloom_login', 'form_token', 'decision', 'username', 'x']
const value = fc.oneof(
  fc.constantFrom(...VALUES),
  fc.constantFrom(...ODD_VALUES),
  fc.string({ unit: 'binary', maxLength: 20 }),
)
const name = fc.constantFrom(...NAMES, ...MORE_NAMES)

type Fields = [name: string, value: string][]
type Mutation = (fields: Fields) => Fields
const changed: fc.Arbitrary<Mutation> = fc.tuple(fc.nat(), value).map(
  ([at, to]) =>
    (fields) =>
      fields.map(([own, is], i) => [own, i === at % fields.length ? to : is]),
)
const prolonged: fc.Arbitrary<Mutation> = fc.tuple(fc.nat(), value).map(
  ([at, more]) =>
    (fields) =>
      fields.map(([own, is], i) => [own, i === at % fields.length ? is + more : is]),
)
const dropped: fc.Arbitrary<Mutation> = fc
  .nat()
  .map((at) => (fields) => fields.filter((_, i) => i !== at % fields.length))
const repeated: fc.Arbitrary<Mutation> = fc
  .nat()
  .map((at) => (fields) => [...fields, ...fields.filter((_, i) => i === at % fields.length)])
const added: fc.Arbitrary<Mutation> = fc.tuple(name, value).map((field) => (fields) => [...fields, field])
const mutations = fc.array(fc.oneof(changed, prolonged, dropped, repeated, added), { maxLength: 3 })

const mutated = (fields: Fields, how: readonly Mutation[]) => how.reduce((mutant, mutate) => mutate(mutant), fields)

const headers = fc.record(
  {
    origin: fc.constantFrom('null', 'https://evil.example', 'http://127.0.0.1:1'),
    'sec-fetch-site': fc.constantFrom('cross-site', 'same-site', 'none', 'nonsense'),
    'content-type': fc.constantFrom('application/json', 'text/plain', 'multipart/form-data; boundary=x'),
    cookie: fc.constantFrom('', 'heirloom-pages=', 'heirloom-pages=x', 'heirloom-pages=hrt_x; heirloom-pages=y'),
  },
  { requiredKeys: [] },
)
/** Most have none, so that they get beyond the first check. */
const mutatedHeaders = fc.option(headers, { freq: 4, nil: {} })

const query = (fields: Fields) => new URLSearchParams(fields).toString()
const fieldsOf = (search: string): Fields => [...new URLSearchParams(search)]

/** Without the port, which is free on this machine only. */
const withoutPort = (uri: string) => uri.replace(/^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)):\d+(?=\/)/, '$1')

/** What holds for every answer. Returns the client and the code, if it has one. */
function expectDecent(asked: string, answer: PageAnswer): { client: string; code: string } | null {
  expect(answer.status).toBeLessThan(500)
  expect(answer.headers.get('content-security-policy') ?? '').toContain("frame-ancestors 'none'")
  if (answer.location === null || answer.location.startsWith('/oauth2/authorize?')) return null
  const { to, parameters } = answerOf(answer)
  const [client = ''] = new URLSearchParams(asked).getAll('client_id')
  const registered = FLOW_CLIENTS.find(({ id }) => id === client)?.redirectUris ?? []
  expect([client, registered.map(withoutPort)]).toEqual([client, expect.arrayContaining([withoutPort(to)])])
  expect(parameters).toMatchObject({ iss: server.url })
  return parameters['code'] === undefined ? null : { client, code: parameters['code'] }
}

const isOwn = (client: string) => FLOW_CLIENTS.some(({ id, firstParty }) => id === client && firstParty)

const statuses = new Map<string, number>()
const count = (what: string) => statuses.set(what, (statuses.get(what) ?? 0) + 1)

test(`none of ${RUNS} mutated requests gives a code that nobody pressed for, or leads to a stranger`, async () => {
  await logIn()
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...CLIENTS),
      fc.boolean(),
      mutations,
      mutatedHeaders,
      async (client, isAnonymous, how, extra) => {
        const asked = query(mutated(fieldsOf(server.address(client).split('?')[1] ?? ''), how))
        const visitor = isAnonymous ? server.browser() : browser
        const answer = await visitor.get(`/oauth2/authorize?${asked}`, extra)
        const got = expectDecent(asked, answer)
        if (got) expect([got.client, isOwn(got.client), isAnonymous]).toEqual([got.client, true, false])
        count(got ? 'code' : answer.location === null ? `${answer.status}` : 'error')
      },
    ),
    { numRuns: RUNS },
  )
  expect(server.events.filter(({ type }) => type === 'reuse')).toEqual([])
  for (const what of ['code', 'error', '200', '400'])
    expect([what, statuses.get(what)]).toEqual([what, expect.any(Number)])
}, 600_000)

test(`none of ${RUNS} mutated forms gives a code that nobody pressed for, or leads to a stranger`, async () => {
  await logIn()
  const kinds = fc.constantFrom('login', 'allow', 'allow', 'allow', 'deny')
  const inPath = fc.option(mutations, { freq: 2, nil: [] })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('spa', 'site', 'native'),
      kinds,
      inPath,
      mutations,
      mutatedHeaders,
      async (client, kind, inQuery, inBody, extra) => {
        const visitor = kind === 'login' ? server.browser() : browser
        const page = await visitor.get(server.address(client))
        if (kind !== 'login' && !isConsent(page)) throw new Error(`no consent page: ${page.status} ${page.text}`)
        const { action, hidden } = visitor.form(page)
        const pressed: Fields =
          kind === 'login'
            ? [
                ['username', user.username],
                ['password', PASSWORD],
              ]
            : [['decision', kind]]
        const [path = '', original = ''] = action.split('?')
        const asked = inQuery.length > 0 ? query(mutated(fieldsOf(original), inQuery)) : original
        const sent = mutated([...hidden, ...pressed], inBody)
        const answer = await visitor.post(`${path}?${asked}`, new URLSearchParams(sent), extra)
        const got = expectDecent(asked, answer)
        count(got ? 'posted code' : answer.location === null ? `posted ${answer.status}` : 'posted error')
        // Exactly the form of this page, with one press, from this page.
        const isPress = kind === 'allow' && asked === original && Object.keys(extra).length === 0
        const isWhole = sent.filter(([field]) => field === 'form_token').join() === hidden.join()
        if (got) {
          expect({ isPress, isWhole, pressed: sent.filter(([field]) => field === 'decision') }).toEqual({
            isPress: true,
            isWhole: true,
            pressed: [['decision', 'allow']],
          })
          // So that the next one has to be pressed for again.
          await server.database.consent.deleteMany({ where: { userId: user.id } })
        }
      },
    ),
    { numRuns: RUNS },
  )
  expect(server.events.filter(({ type }) => type === 'reuse')).toEqual([])
  for (const what of ['posted code', 'posted error', 'posted 400', 'posted 403'])
    expect([what, statuses.get(what)]).toEqual([what, expect.any(Number)])
}, 600_000)
