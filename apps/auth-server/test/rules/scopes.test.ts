import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AUTH_SERVER, type Client, realmOf } from '../../src/rules/realm.ts'
import { narrowScope } from '../../src/rules/scopes.ts'
import { aClient, aRealm } from '../support/realm.ts'

const MAIL = 'https://mail.example/api'
const WEB = aClient({ resources: ['files', MAIL, AUTH_SERVER], scopes: ['mail:send', 'delete', 'write', 'read', 'x'] })
const REALM = realmOf(aRealm(WEB))
const client = REALM.clients.get('web') as Client

/** A new grant for the files and the mail, unless the case says otherwise. */
const narrow = (changes: Partial<Parameters<typeof narrowScope>[1]>) =>
  narrowScope(REALM, { client, resources: ['files', MAIL], roles: ['writer'], ...changes })

test.each<[string, Parameters<typeof narrow>[0], string | null]>([
  [
    'all that the roles grant, in the order of the realm',
    { roles: ['owner', 'writer'] },
    'read write delete mail:send',
  ],
  ['what is asked for and granted, in the order of the realm', { asked: 'write read' }, 'read write'],
  ['nothing that the roles do not grant', { roles: ['reader'], asked: 'read write' }, 'read'],
  ['nothing that the client may not ask for', { client: { ...client, scopes: ['read'] } }, 'read'],
  ['only what belongs to the resources of the token', { resources: [MAIL] }, 'mail:send'],
  ['only what the grant has, although the roles grant more now', { granted: 'read mail:send' }, 'read mail:send'],
  ['what a client without a user may ask for', { roles: null, resources: ['files'] }, 'read write delete'],
  ['empty at the auth server, which has no scopes', { resources: [AUTH_SERVER] }, ''],
  ['empty for a client that has none there', { client: { ...client, scopes: [] }, roles: null }, ''],
  ['empty for a grant that has none, although there are some now', { granted: '' }, ''],
  ['refused if nothing is left of what was asked for', { roles: ['reader'], asked: 'write' }, null],
  ['refused if it belongs to another resource than the token', { resources: [MAIL], asked: 'read' }, null],
  ['refused if it is asked for where there is none', { resources: [AUTH_SERVER], asked: 'read' }, null],
  ['refused if it was not granted', { granted: 'read', asked: 'write' }, null],
  ['refused for roles that are not in the realm', { roles: ['constructor', 'toString'] }, null],
  ['refused for a scope that is not in the realm', { asked: 'admin' }, null],
  ['refused for a scope that the client has and the realm has not', { asked: 'x' }, null],
])('the scope is %s', (_name, changes, scope) => {
  expect(narrow(changes)).toBe(scope)
})

test('no token has a scope that any one of the limits lacks, and a narrower request never gets more', () => {
  const all = ['read', 'write', 'delete', 'mail:send']
  const some = fc.subarray(all).map((scopes) => scopes.join(' '))
  const scopesOf = (limit: Parameters<typeof narrowScope>[1]) => (narrowScope(REALM, limit) ?? '').match(/\S+/g) ?? []
  const limits = fc.record({
    client: fc.subarray(all).map((scopes) => ({ ...client, scopes })),
    resources: fc.subarray(['files', MAIL, AUTH_SERVER], { minLength: 1 }),
    roles: fc.option(fc.subarray(['reader', 'writer', 'owner'])),
    granted: some,
  })
  fc.assert(
    fc.property(limits, some, (limit, asked) => {
      const whole = scopesOf(limit)
      for (const scope of whole) {
        expect(limit.client.scopes).toContain(scope)
        expect(limit.granted.split(' ')).toContain(scope)
        expect(limit.resources).toContain(REALM.scopes.get(scope))
        if (limit.roles) expect(limit.roles.flatMap((role) => REALM.roles.get(role) ?? [])).toContain(scope)
      }
      expect(scopesOf({ ...limit, asked })).toEqual(whole.filter((scope) => asked.split(' ').includes(scope)))
    }),
  )
})
