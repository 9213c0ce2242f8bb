import type { Grant } from '../../src/rules/family.ts'

/** The one grant that tests start from, so that a new field needs a value only here. */
export const aGrant = (changes: Partial<Grant> = {}): Grant => ({
  id: 'family',
  sid: 'session',
  userId: 'user',
  clientId: 'web',
  scope: 'reports:read',
  statusIndex: 0,
  resources: 'resource-api auth-server',
  bindingKey: null,
  createdAt: 0,
  expiresAt: 1_000,
  parent: null,
  authTime: null,
  ...changes,
})
