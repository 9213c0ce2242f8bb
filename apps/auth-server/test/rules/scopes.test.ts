import { expect, test } from 'vitest'
import { narrowScope, scopeTable } from '../../src/rules/scopes.ts'

const TABLE = scopeTable({ reader: ['read'], writer: ['read', 'write'], owner: ['write', 'delete'] })

test.each([
  ['all that the roles grant, if nothing is requested', ['owner', 'reader'], undefined, 'read write delete'],
  ['what is requested and granted, in the order of the table', ['writer'], 'write read', 'read write'],
  ['nothing that is not granted', ['reader'], 'read write', 'read'],
  ['nothing, if nothing is left', ['reader'], 'write', ''],
  ['nothing for a role that is not in the table', ['constructor', 'toString'], undefined, ''],
  ['nothing for a scope that is not in the table', ['writer'], 'admin', ''],
])('the scope is %s', (_name, roles, asked, scope) => {
  expect(narrowScope(roles, asked, TABLE)).toBe(scope)
})
