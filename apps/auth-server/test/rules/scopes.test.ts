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
