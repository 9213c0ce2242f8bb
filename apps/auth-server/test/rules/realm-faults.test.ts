import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { judgeRealmFile } from '../../src/rules/judge-realm-file.ts'
import { NO_REALM } from '../support/example-realm.ts'

const ISSUER = 'https://auth.example'

/** Right. Each wrong file below differs from it in one place. */
const RIGHT = `
resources:
  reports:
    name: Reports
    scopes: { reports:read: Read reports, reports:write: Write reports }
    introspectors: [worker]
    access_token_ttl_seconds: 300
  https://files.example/api:
    scopes: { files:read: Read files }
roles:
  user: [reports:read]
default_roles: [user]
clients:
  web:
    first_party: true
    grants: [login, refresh_token]
    resources: [reports, auth-server]
    origins: [https://app.example]
  partner:
    redirect_uris: [https://partner.example/back]
    resources: [reports]
    scopes: [reports:read]
    refresh_idle_ttl_seconds: 60
    refresh_absolute_ttl_seconds: 60
  worker:
    auth: client_secret_basic
    grants: [client_credentials]
    secret_sha256: [${'a'.repeat(64)}]
default_client: web
`

const judge = (text: string) => judgeRealmFile(NO_REALM, parse(text), { prune: true, issuer: ISSUER })
const faultsOf = (text: string) => {
  const judged = judge(text)
  return judged.ok ? [] : judged.faults.map(({ path, text: fault }) => `${path.join(' ')}: ${fault}`)
}

test('the file that all others are changed from is right', () => {
  expect(faultsOf(RIGHT)).toEqual([])
})

test.each([
  ['claims: { department: department }', null],
  ['claims: { sub: department }', 'resources reports claims sub: is reserved'],
  ['claims: { department: roles }', 'resources reports claims department: must name an attribute'],
  ['claims: { department: 5 }', 'resources reports claims department: must be a text'],
  ['claims: [department]', 'resources reports claims: must be a table of at most 50 claims'],
])('a resource with %s', (claims, fault) => {
  const faults = faultsOf(RIGHT.replace('introspectors: [worker]', `introspectors: [worker]\n    ${claims}`))
  expect(faults).toEqual(fault === null ? [] : [expect.stringContaining(fault)])
})

test('a claim is one attribute in all resources, since a token may be for several', () => {
  const both = RIGHT.replace('introspectors: [worker]', 'claims: { level: grade }')
  const other = (attribute: string) =>
    both.replace('{ files:read: Read files }', `$&\n    claims: { level: ${attribute} }`)
  expect(faultsOf(other('grade'))).toEqual([])
  expect(faultsOf(other('rank'))).toEqual([
    'resources https://files.example/api claims level: is the attribute "grade" in another resource: a claim means one thing',
  ])
})

/** What to replace, by what, and what is said. */
type Wrong = [from: string, to: string, path: string, says: string]

const redirects: Wrong[] = (
  [
    ['partner.example/back', 'absolute URI'],
    ['/back', 'absolute URI'],
    ['https://partner.example/back#', 'no fragment'],
    ['https://partner.example/back#top', 'no fragment'],
    ['http://partner.example/back', 'must be https'],
    ['http://192.168.0.1/back', 'must be https'],
    ['http://127.0.0.1.partner.example/', 'must be https'],
    ['https://*.partner.example/', 'wildcard'],
    ['https://partner.example/*', 'wildcard'],
    ['https://me@partner.example/', 'no user'],
    ['https://me:secret@partner.example/', 'no user'],
    ['https:partner.example/back', 'must have //'],
    ['https:///back', 'must have //'],
    ['myapp:/back', 'scheme with a dot'],
    ['myapp://back', 'scheme with a dot'],
    ['javascript:alert(1)', 'scheme with a dot'],
    ['data:text/html,x', 'scheme with a dot'],
    ['file:///etc/passwd', 'scheme with a dot'],
    ['https://partner.example/\\back', 'absolute URI'],
    ['https://partner.example/a b', 'absolute URI'],
    ['https://pärtner.example/', 'absolute URI'],
    ['"https://partner.example/\\n"', 'absolute URI'],
  ] as const
).map(([uri, says]) => ['https://partner.example/back', uri, 'clients partner redirect_uris 0', says])

const origins: Wrong[] = (
  [
    ['https://app.example/', 'without path'],
    ['https://app.example/path', 'without path'],
    ['https://app.example:443', 'default port'],
    ['https://APP.example', 'without path'],
    ['https://me@app.example', 'without path'],
    ['https://*.example', 'wildcard'],
    ['app.example', 'must be an origin'],
    ['"null"', 'must be an origin'],
    ['"*"', 'must be an origin'],
    ['ftp://app.example', 'must be an origin'],
  ] as const
).map(([origin, says]) => ['https://app.example', origin, 'clients web origins 0', says])

const clientIds: Wrong[] = (
  [
    ['0b8fd5a4-6b7e-4a53-9a6d-2f1f6d1f0a11', 'form of a user id'],
    ['0B8FD5A4-6B7E-4A53-9A6D-2F1F6D1F0A11', 'form of a user id'],
    ['heirloom:pages', 'must not begin with heirloom:'],
    ['Heirloom:pages', 'must not begin with heirloom:'],
    ['part ner', 'printable ASCII'],
    ['pärtner', 'printable ASCII'],
    ['"part\\tner"', 'printable ASCII'],
    ['""', 'printable ASCII'],
    ['p'.repeat(201), 'up to 200'],
  ] as const
).map(([id, says]) => ['  partner:', `  ${id}:`, `clients ${id.replaceAll('"', '').replace('\\t', '\t')}`, says])

const FILES = 'https://files.example/api'
const resourceIds: Wrong[] = (
  [
    ['auth-server', 'how a realm names the auth server itself'],
    [ISSUER, 'is the issuer'],
    [`${ISSUER}/`, 'is the issuer'],
    ['https://AUTH.example:443', 'is the issuer'],
    [`${FILES}#`, 'no fragment'],
    [`${FILES}#top`, 'no fragment'],
    ['https://me:secret@files.example', 'no user'],
    ['https://', 'absolute URI'],
    ['//files.example/api', 'absolute URI'],
    ['files/api', 'absolute URI'],
    ['fi les', 'without spaces'],
    ['f'.repeat(201), 'up to 200'],
  ] as const
).map(([id, says]) => [`  ${FILES}:`, `  ${id}:`, `resources ${id}`, says])

const scopes: Wrong[] = (
  [
    ['"files read"', 'without spaces'],
    ["'files\"read'", 'quotes'],
    ["'files\\read'", 'backslashes'],
    ['filës:read', 'ASCII'],
    ['""', 'up to 100'],
    ['reports:read', 'is also a scope of "reports"'],
  ] as const
).map(([scope, says]) => [
  'files:read:',
  `${scope}:`,
  `resources ${FILES} scopes ${scope.replace(/^["'](.*)["']$/, '$1')}`,
  says,
])

const shapes: Wrong[] = [
  ['roles:\n  user', 'rules:\n  user', 'rules', 'is unknown here; known are: resources, roles'],
  ['name: Reports', 'title: Reports', 'resources reports title', 'is unknown here'],
  ['redirect_uris:', 'redirect_uri:', 'clients partner redirect_uri', 'is unknown here'],
  ['first_party: true', 'firstParty: true', 'clients web firstParty', 'is unknown here'],
  ['name: Reports', 'name: 3', 'resources reports name', '1 to 200 characters'],
  ['name: Reports', 'name: ""', 'resources reports name', '1 to 200 characters'],
  ['name: Reports', 'name: "a\\u202eb"', 'resources reports name', 'without control characters'],
  ['    scopes: { files:read: Read files }', '    name: Files', `resources ${FILES} scopes`, 'is missing'],
  ['files:read: Read files', 'files:read:', `resources ${FILES} scopes files:read`, '1 to 200 characters'],
  ['scopes: { files:read: Read files }', 'scopes: [files:read]', `resources ${FILES} scopes`, 'a table of scopes'],
  ['introspectors: [worker]', 'introspectors: worker', 'resources reports introspectors', 'a list of client ids'],
  ['seconds: 300', 'seconds: 5m', 'resources reports access_token_ttl_seconds', 'a whole number of seconds'],
  ['seconds: 300', 'seconds: 0', 'resources reports access_token_ttl_seconds', 'from 1 to 86,400'],
  ['seconds: 300', 'seconds: 86401', 'resources reports access_token_ttl_seconds', 'from 1 to 86,400'],
  ['seconds: 300', 'seconds: 1.5', 'resources reports access_token_ttl_seconds', 'a whole number'],
  ['user: [reports:read]', 'user: reports:read', 'roles user', 'a list of scopes'],
  ['user: [reports:read]', 'user: [reports:read, reports:read]', 'roles user', 'each once'],
  ['default_roles: [user]', 'default_roles: user', 'default_roles', 'a list of roles'],
  ['first_party: true', 'first_party: yes please', 'clients web first_party', 'true or false'],
  ['login, refresh_token', 'login, password', 'clients web grants 1', 'one of login'],
  ['login, refresh_token', 'login, login', 'clients web grants', 'each once'],
  ['auth: client_secret_basic', 'auth: private_key_jwt', 'clients worker auth', 'one of none'],
  ['a'.repeat(64), 'A'.repeat(64), 'clients worker secret_sha256 0', 'lower-case hex'],
  ['a'.repeat(64), 'hunter2', 'clients worker secret_sha256 0', 'SHA-256'],
  ['idle_ttl_seconds: 60', 'idle_ttl_seconds: 0', 'clients partner refresh_idle_ttl_seconds', 'seconds from 1'],
  ['idle_ttl_seconds: 60', 'grace_seconds: 301', 'clients partner refresh_grace_seconds', 'from 0 to 300'],
  ['idle_ttl_seconds: 60', 'late_repeat_gap: 0', 'clients partner refresh_late_repeat_gap', 'or `off`'],
  ['idle_ttl_seconds: 60', 'late_repeat_gap: never', 'clients partner refresh_late_repeat_gap', 'or `off`'],
  ['default_client: web', 'default_client: 3', 'default_client', 'must be a text'],
]

const references: Wrong[] = [
  ['user: [reports:read]', 'user: [reports:raed]', 'roles user 0', 'is "reports:raed", which is no scope'],
  ['  user:', '  us er:', 'roles us er', 'without spaces'],
  ['default_roles: [user]', 'default_roles: [king]', 'default_roles 0', 'there is no such role'],
  ['default_client: web', 'default_client: app', 'default_client', 'there is no such client'],
  ['default_client: web', 'default_client: partner', 'default_client', 'has not the grant login'],
  ['resources: [reports]', 'resources: [report]', 'clients partner resources 0', 'there is no such resource'],
  ['resources: [reports]', 'resources: [reports, auth-server]', 'clients partner resources 1', 'only first-party'],
  ['resources: [reports]', 'resources: [reports, https://FILES.example/api]', 'clients partner resources 1', 'spelt'],
  ['scopes: [reports:read]', 'scopes: [reports:all]', 'clients partner scopes 0', 'is no scope of any resource'],
  [
    'scopes: [reports:read]',
    'scopes: [files:read]',
    'clients partner scopes 0',
    'not among the resources of the client',
  ],
  ['introspectors: [worker]', 'introspectors: [nobody]', 'resources reports introspectors 0', 'no such client'],
  ['introspectors: [worker]', 'introspectors: [web]', 'resources reports introspectors 0', 'must have a secret'],
]

const grants: Wrong[] = [
  ['    first_party: true\n', '', 'clients web grants 0', 'only first-party clients may have'],
  ['login, refresh_token]', 'login, client_credentials]', 'clients web grants 1', 'needs a client with a secret'],
  [
    '    first_party: true\n',
    '    first_party: true\n    auth: client_secret_post\n',
    'clients web grants 0',
    '`auth: none`',
  ],
  ['auth: client_secret_basic', 'auth: none', 'clients worker secret_sha256', '`auth` is none'],
  ['absolute_ttl_seconds: 60', 'absolute_ttl_seconds: 59', 'clients partner refresh_idle_ttl_seconds', 'not be longer'],
  [
    '  partner:',
    '  other: { first_party: true, grants: [login], origins: [https://app.example] }\n  partner:',
    'clients other origins 0',
    'belongs to the client "web"',
  ],
]

describe('a file that is wrong in one place is told so, and there only', () => {
  test.each([...shapes, ...references, ...grants, ...redirects, ...origins, ...clientIds, ...resourceIds, ...scopes])(
    '%j → %j',
    (from, to, path, says) => {
      expect(RIGHT).toContain(from)
      const faults = faultsOf(RIGHT.replace(from, () => to))
      const ours = faults.filter((fault) => fault.startsWith(`${path}: `))
      expect(ours).toEqual([expect.stringContaining(says)])
    },
  )
})

test('each of these redirect URIs and ids is right', () => {
  for (const uri of [
    'https://partner.example',
    'https://partner.example:8443/a?b=c',
    'http://127.0.0.1/back',
    'http://127.0.0.1:8080/back',
    'http://[::1]:1/back',
    'http://localhost/callback',
    'com.example.app:/back',
    'com.example.app://back',
  ])
    expect(faultsOf(RIGHT.replace('https://partner.example/back', JSON.stringify(uri)))).toEqual([])
  for (const id of ['urn:example:files', 'https://files.example', 'https://files.example/?a=b', 'files.v1~x_y-z'])
    expect(faultsOf(RIGHT.replace(FILES, id))).toEqual([])
  for (const id of ['a', '3', 'https://client.example/metadata.json', "!#$%&'()*"])
    expect(faultsOf(RIGHT.replace('  partner:', `  ${JSON.stringify(id)}:`))).toEqual([])
})

test('two spellings of one URI are one resource', () => {
  const other = '  HTTPS://files.example:443/api:\n    scopes: { other: Other }\nroles:'
  expect(faultsOf(RIGHT.replace('roles:', other))).toEqual([
    `resources HTTPS://files.example:443/api: is the same URI as "${FILES}"`,
  ])
})

test('all faults are told at once, and none that only follows from another', () => {
  const file = RIGHT.replace('{ reports:read: Read reports,', '{ reports:read: 3,')
    .replace('first_party: true', 'first_party: maybe')
    .replace('https://partner.example/back', 'http://partner.example/back')
    .replace('default_client: web', 'default_client: nobody\nother: 1')
  expect(faultsOf(file).map((fault) => fault.replace(/: .*/, ''))).toEqual([
    'other',
    'resources reports scopes reports:read',
    'clients web first_party',
    'clients partner redirect_uris 0',
    'default_client',
  ])
})

test.each(['', '3', '[]', 'a: [', 'resources: 3', 'clients: [web]', 'roles: null'])('%j is no realm', (text) => {
  expect(judgeRealmFile(NO_REALM, text === 'a: [' ? text : parse(text), { prune: true, issuer: ISSUER }).ok).toBe(false)
})
