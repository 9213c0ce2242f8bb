import { expect, test } from 'vitest'
import { realmOf } from '../../src/rules/realm.ts'
import { narrowScope } from '../../src/rules/scopes.ts'

const REALM = realmOf({
  resources: [
    {
      id: 'files',
      name: 'Files',
      scopes: { read: 'Read', write: 'Write', delete: 'Delete' },
      introspectors: [],
      accessTokenTtlSeconds: null,
    },
  ],
  roles: [
    { name: 'reader', scopes: ['read'] },
    { name: 'writer', scopes: ['read', 'write'] },
    { name: 'owner', scopes: ['write', 'delete'] },
  ],
  clients: [],
  defaultClient: null,
  defaultRoles: [],
})

test.each([
  ['all that the roles grant, if nothing is requested', ['owner', 'reader'], undefined, 'read write delete'],
  ['what is requested and granted, in the order of the realm', ['writer'], 'write read', 'read write'],
  ['nothing that is not granted', ['reader'], 'read write', 'read'],
  ['nothing, if nothing is left', ['reader'], 'write', ''],
  ['nothing for a role that is not in the realm', ['constructor', 'toString'], undefined, ''],
  ['nothing for a scope that is not in the realm', ['writer'], 'admin', ''],
])('the scope is %s', (_name, roles, asked, scope) => {
  expect(narrowScope(roles, asked, REALM)).toBe(scope)
})
