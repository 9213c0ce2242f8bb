import { scopeTable } from './rules/scopes.ts'

/** The roles of the sample, and the scopes that each one grants: replace them with yours. */
export const SAMPLE_SCOPES = scopeTable({
  user: ['reports:read'],
  editor: ['reports:read', 'reports:write'],
  admin: ['reports:read', 'reports:write'],
})
