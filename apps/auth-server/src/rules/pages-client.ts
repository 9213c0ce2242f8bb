import type { Client } from './realm.ts'

/**
 * The client of a browser's session at the pages of this server, which is a family like any other. No realm can take its id,
 * and it is in none: no request can name it.
 */
export const PAGES_CLIENT: Client = {
  id: 'heirloom:pages',
  name: 'Login page',
  auth: 'none',
  secretHashes: [],
  redirectUris: [],
  grants: [],
  resources: [],
  scopes: [],
  origins: [],
  firstParty: true,
  policy: {
    accessTokenTtlSeconds: null,
    refreshIdleTtlSeconds: null,
    refreshAbsoluteTtlSeconds: null,
    // Not as the settings say, which may allow none: no application is to blame for a user who clicks twice.
    refreshGraceSeconds: 10,
    refreshLateRepeatGap: null,
  },
  disabled: false,
  endedBefore: null,
}
