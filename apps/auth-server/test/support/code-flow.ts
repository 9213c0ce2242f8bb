import { afterAll } from 'vitest'
import { openDatabase } from '../../src/postgres/database.ts'
import { AUTH_SERVER, type Client, type RealmData } from '../../src/rules/realm.ts'
import { register } from '../../src/services/accounts/register.ts'
import { RealmRows } from '../../src/stores/realm-rows.ts'
import { Browser, answerOf, pkce } from './browser.ts'
import { FILES, MAIL, hashOf, secretOf } from './oauth-realm.ts'
import { SETTINGS_ALONE, aResource } from './realm.ts'
import { realmServer } from './realm-server.ts'
import { PASSWORD } from './server.ts'

const client = (changes: Partial<Client> & { id: string }): Client => ({
  name: `The ${changes.id}`,
  auth: 'none',
  secretHashes: [],
  redirectUris: [`https://${changes.id}.example/callback`],
  grants: ['authorization_code', 'refresh_token'],
  resources: [FILES],
  scopes: ['files:read', 'files:write'],
  origins: [],
  firstParty: false,
  policy: SETTINGS_ALONE,
  disabled: false,
  endedBefore: null,
  ...changes,
})

export const NATIVE_SCHEME = 'com.example.cli:/callback'

/** As much as a page may have to show. */
const LONG = {
  name: 'Notes of the Royal Society for the Study of Small Islands, 2',
  resource: 'https://islands.example/api/v2',
  scopes: Array.from({ length: 10 }, (_, i) => `islands-of-the-northern-and-of-the-southern-sea:${i}`),
}

/** A client of each kind that uses the code flow. */
export const FLOW_CLIENTS: readonly Client[] = [
  // A page in the browser.
  client({ id: 'spa', origins: ['https://spa.example'] }),
  // A server with a secret.
  client({
    id: 'site',
    auth: 'client_secret_basic',
    secretHashes: [hashOf(secretOf('site'))],
    resources: [FILES, MAIL],
    scopes: ['files:read', 'files:write', 'mail:send'],
  }),
  client({
    id: 'native',
    redirectUris: ['http://127.0.0.1/callback', 'http://[::1]/callback', 'http://localhost/callback', NATIVE_SCHEME],
  }),
  client({ id: 'own', firstParty: true, resources: [FILES, AUTH_SERVER], redirectUris: ['http://127.0.0.1/own'] }),
  client({ id: 'no-code', grants: ['login', 'refresh_token'], firstParty: true }),
  client({ id: 'no-refresh', grants: ['authorization_code'] }),
  client({
    id: 'long',
    name: LONG.name,
    redirectUris: ['http://127.0.0.1/long'],
    resources: [LONG.resource],
    scopes: LONG.scopes,
  }),
]

const FLOW_REALM: RealmData = {
  resources: [
    aResource(FILES, 'files:read', 'files:write'),
    aResource(MAIL, 'mail:send'),
    aResource(LONG.resource, ...LONG.scopes),
  ],
  roles: [
    { name: 'user', scopes: ['files:read', 'files:write', ...LONG.scopes] },
    { name: 'reader', scopes: ['files:read'] },
    { name: 'nobody', scopes: [] },
  ],
  clients: FLOW_CLIENTS,
  defaultClient: null,
  defaultRoles: ['user'],
}

const REDIRECT: Record<string, string> = {
  native: 'http://127.0.0.1:43117/callback',
  own: 'http://127.0.0.1:43118/own',
  long: 'http://127.0.0.1:43119/long',
}
export const redirectOf = (clientId: string) => REDIRECT[clientId] ?? `https://${clientId}.example/callback`

/** A server with clients that use the code flow, whose rows are in Postgres too. */
export async function flowServer(settings: Record<string, string> = {}) {
  const server = await realmServer(FLOW_REALM, settings)
  const database = openDatabase({ url: server.env['DATABASE_URL'] ?? '', poolSize: 2, statementTimeoutMs: 5_000 })
  afterAll(() => database.$disconnect())
  await new RealmRows(database).change(() => FLOW_REALM)
  const { challenge, verifier } = pkce()
  let users = 0

  const flow = {
    ...server,
    database,
    verifier,
    /** The address of a valid request, with changes: undefined leaves a parameter out. */
    address(clientId: string, changes: Record<string, string | undefined> = {}) {
      const parameters = {
        client_id: clientId,
        redirect_uri: redirectOf(clientId),
        response_type: 'code',
        code_challenge: challenge,
        code_challenge_method: 'S256',
        state: 'some state',
        ...changes,
      }
      const sent = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
      return `/oauth2/authorize?${new URLSearchParams(sent).toString()}`
    },
    browser: () => new Browser(server.url),
    async user(roles: string[] = ['user'], username = `visitor-${++users}`) {
      const added = await register(server.core, { username, password: PASSWORD, roles })
      if (!added.ok) throw new Error(added.description)
      return { username, id: added.account.id, fields: { username, password: PASSWORD } }
    },
    /** Logs in and allows whatever is asked. Answers what the client gets. */
    async allow(clientId: string, changes: Record<string, string | undefined> = {}, browser = new Browser(server.url)) {
      const user = await flow.user()
      let page = await browser.submit(await browser.get(flow.address(clientId, changes)), user.fields)
      if (page.location === null) page = await browser.submit(page, { decision: 'allow' })
      const { parameters } = answerOf(page)
      return { user, browser, page, code: parameters['code'] ?? '', parameters }
    },
    /** What a user does in a browser: follows the link, logs in and allows it. Answers where the browser is led then. */
    async visit(link: URL): Promise<URL> {
      const [browser, user] = [new Browser(server.url), await flow.user()]
      let page = await browser.get(link.pathname + link.search)
      if (page.location === null) page = await browser.submit(page, user.fields)
      if (page.location === null) page = await browser.submit(page, { decision: 'allow' })
      return new URL(page.location ?? '')
    },
    /** Redeems a code as its client should, with changes. */
    redeem(clientId: string, code: string, changes: Record<string, string> = {}, headers: Record<string, string> = {}) {
      const form = { grant_type: 'authorization_code', code, code_verifier: verifier, client_id: clientId }
      return server.post('/oauth2/token', { ...form, ...changes }, headers)
    },
    familyOf: (code: string) => Buffer.from(code.slice(4), 'base64url').toString('base64url', 2, 18),
    stored: async (code: string) => (await server.core.families.load(flow.familyOf(code)))?.family,
  }
  return flow
}

export type FlowServer = Awaited<ReturnType<typeof flowServer>>
