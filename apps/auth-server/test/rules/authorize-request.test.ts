import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judgeAuthorizeRequest } from '../../src/rules/authorize-request.ts'
import { realmOf } from '../../src/rules/realm.ts'
import { codePoint } from '../support/code-point.ts'
import { aClient, aRealm } from '../support/realm.ts'

const ISSUER = 'https://auth.example'
const REDIRECT = 'https://notes.example/callback'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const MAIL = 'https://mail.example/api'
const notes = aClient({
  id: 'notes',
  firstParty: false,
  redirectUris: [REDIRECT, 'http://localhost/callback'],
  grants: ['authorization_code'],
  resources: ['files', MAIL],
  scopes: ['read', 'write', 'mail:send'],
})
const REALM = realmOf(
  aRealm(
    notes,
    aClient({ ...notes, id: 'ended', disabled: true }),
    aClient({ ...notes, id: 'other', grants: ['refresh_token'] }),
  ),
)
const VALID = {
  client_id: 'notes',
  redirect_uri: REDIRECT,
  response_type: 'code',
  code_challenge: CHALLENGE,
  code_challenge_method: 'S256',
  state: 'a b&c=ä',
}
const queryOf = (changes: Record<string, string | string[] | undefined>) =>
  new URLSearchParams(
    Object.entries({ ...VALID, ...changes }).flatMap(([name, value]) =>
      value === undefined ? [] : [value].flat().map((one) => [name, one]),
    ),
  ).toString()
const judge = (changes: Record<string, string | string[] | undefined>) =>
  judgeAuthorizeRequest(queryOf(changes), REALM, ISSUER)

describe('a valid request', () => {
  test('without scope and resource asks for all that the client may ask for', () => {
    expect(judge({})).toEqual({
      kind: 'valid',
      request: {
        client: REALM.clients.get('notes'),
        redirectUri: REDIRECT,
        state: VALID.state,
        resources: ['files', MAIL],
        scope: undefined,
        challenge: CHALLENGE,
        prompt: new Set(),
      },
    })
  })

  test.each<[string, Record<string, string | string[] | undefined>, object]>([
    ['one resource, in another spelling', { resource: 'HTTPS://mail.example:443/api' }, { resources: [MAIL] }],
    ['two resources', { resource: [MAIL, 'files'] }, { resources: ['files', MAIL] }],
    ['a scope among unknown ones', { scope: 'openid read offline_access' }, { scope: 'openid read offline_access' }],
    [
      'any port on this machine',
      { redirect_uri: 'http://localhost:4711/callback' },
      { redirectUri: 'http://localhost:4711/callback' },
    ],
    ['no state', { state: undefined }, { state: undefined }],
    ['empty parameters', { state: '', scope: '', prompt: '', resource: '' }, { state: undefined, scope: undefined }],
    ['a prompt', { prompt: 'login consent' }, { prompt: new Set(['login', 'consent']) }],
    ['a prompt that is unknown', { prompt: 'select_account' }, { prompt: new Set() }],
    ['the prompt none', { prompt: 'none' }, { prompt: new Set(['none']) }],
    ['parameters that are unknown', { nonce: 'x', max_age: '1', claims: '{}' }, {}],
    ['the response mode that there is', { response_mode: 'query' }, {}],
  ])('may have %s', (_, changes, expected) => {
    expect(judge(changes)).toMatchObject({ kind: 'valid', request: expected })
  })
})

describe('where the answer may go is not known, so the user sees it', () => {
  test.each<[string, Record<string, string | string[] | undefined>]>([
    ['no client', { client_id: undefined }],
    ['an unknown client', { client_id: 'nobody' }],
    ['the client of the pages', { client_id: 'heirloom:pages' }],
    ['a disabled client', { client_id: 'ended' }],
    ['two clients', { client_id: ['notes', 'other'] }],
    ['the same client twice', { client_id: ['notes', 'notes'] }],
    ['no redirect URI', { redirect_uri: undefined }],
    ['an empty redirect URI', { redirect_uri: '' }],
    ['another redirect URI', { redirect_uri: 'https://notes.example/other' }],
    ['two redirect URIs', { redirect_uri: [REDIRECT, 'https://evil.example'] }],
    ['the redirect URI twice', { redirect_uri: [REDIRECT, REDIRECT] }],
  ])('%s', (_, changes) => {
    expect(judge(changes)).toEqual({
      kind: 'shown',
      error: 'client_id' in changes ? 'invalid_client' : 'invalid_request',
      description: expect.any(String),
    })
  })
})

describe('the client is told', () => {
  test.each<[string, Record<string, string | string[] | undefined>, string]>([
    ['a client without this grant', { client_id: 'other' }, 'unauthorized_client'],
    ['no response type', { response_type: undefined }, 'invalid_request'],
    ['the implicit response type', { response_type: 'token' }, 'unsupported_response_type'],
    ['a hybrid response type', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['a response mode in the fragment', { response_mode: 'fragment' }, 'invalid_request'],
    ['no challenge', { code_challenge: undefined }, 'invalid_request'],
    ['a challenge without its method, which would be plain', { code_challenge_method: undefined }, 'invalid_request'],
    ['the method plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['the method in another case', { code_challenge_method: 's256' }, 'invalid_request'],
    ['a challenge that is too short', { code_challenge: CHALLENGE.slice(1) }, 'invalid_request'],
    ['a challenge with padding', { code_challenge: `${CHALLENGE}=` }, 'invalid_request'],
    ['a challenge in a second spelling', { code_challenge: CHALLENGE.replace(/M$/, 'N') }, 'invalid_request'],
    ['none with another prompt', { prompt: 'none login' }, 'invalid_request'],
    ['an unknown resource', { resource: 'https://unknown.example' }, 'invalid_target'],
    ['the auth server, which is not for this client', { resource: ISSUER }, 'invalid_target'],
    ['a resource that is known among one that is not', { resource: ['files', 'unknown'] }, 'invalid_target'],
    ['more resources than a token request may name', { resource: Array(21).fill('files') }, 'invalid_request'],
    ['a scope that is unknown', { scope: 'everything' }, 'invalid_scope'],
    ['a scope that is not for this client', { scope: 'delete' }, 'invalid_scope'],
    ['a scope of another resource', { scope: 'mail:send', resource: 'files' }, 'invalid_scope'],
    ...['response_type', 'code_challenge', 'code_challenge_method', 'scope', 'prompt', 'unknown'].map(
      (name): [string, Record<string, string[]>, string] => [
        `${name} twice`,
        { [name]: ['read', 'read'] },
        'invalid_request',
      ],
    ),
  ])('%s', (_, changes, error) => {
    expect(judge(changes)).toEqual({
      kind: 'refused',
      error,
      description: expect.stringMatching(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/),
      redirectUri: REDIRECT,
      state: VALID.state,
    })
  })

  test('two states, and gets none back', () => {
    expect(judge({ state: ['a', 'b'] })).toMatchObject({ kind: 'refused', error: 'invalid_request', state: undefined })
  })
})

// By the square of their number, it would outlast the test.
test('no number of parameters keeps the server from its other clients', () => {
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [i.toString(36), '']))
  expect(judge(many).kind).toBe('valid')
})

test('whatever is sent, an answer goes to a registered address only', () => {
  const name = fc.constantFrom(...Object.keys(VALID), 'scope', 'resource', 'prompt', 'unknown')
  const value = fc.oneof(
    fc.constantFrom(...Object.values(VALID), 'none', 'https://evil.example'),
    fc.string({ unit: codePoint, maxLength: 20 }),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 12 }), fc.boolean(), (pairs, keepsValid) => {
      const query = new URLSearchParams([...(keepsValid ? Object.entries(VALID) : []), ...pairs]).toString()
      const judged = judgeAuthorizeRequest(query, REALM, ISSUER)
      if (judged.kind === 'refused') expect(judged.redirectUri).toBe(REDIRECT)
      if (judged.kind === 'valid') expect(judged.request).toMatchObject({ redirectUri: REDIRECT, challenge: CHALLENGE })
    }),
    { numRuns: 2_000 },
  )
})
