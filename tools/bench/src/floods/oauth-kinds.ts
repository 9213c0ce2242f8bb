import { randomUUID } from 'node:crypto'
import type { Request } from './context.ts'
import {
  A_DAY,
  INSIDER_IP,
  type Kind,
  PER_ADDRESS,
  always,
  nothing,
  oneRow,
  post,
  token,
  withSession,
} from './kinds.ts'

/** As in realm.yaml. */
const MACHINE = 'machine:a-secret-of-nothing-but-this-flood'

const form = (call: string, parameters: Record<string, string>, basic?: string): Request => ({
  ...post(`/oauth2/${call}`, new URLSearchParams(parameters)),
  ...(basic !== undefined && { basic }),
})
const refresh = (refreshToken: string, client = 'web') =>
  form('token', { grant_type: 'refresh_token', client_id: client, refresh_token: refreshToken })

/** A row a day for each address that names no client, or the wrong secret of one. */
const rowEach = (addresses: number) => ({ rows: addresses * A_DAY, keys: 0 })

export const OAUTH_KINDS: Kind[] = [
  {
    name: 'token, no form',
    prepare: always(post('/oauth2/token', { grant_type: 'refresh_token' })),
    bound: nothing,
  },
  {
    name: 'token, unknown clients',
    prepare: async () => ({ request: () => refresh(token(54), randomUUID()) }),
    bound: rowEach,
  },
  {
    name: 'token, wrong secret',
    prepare: always(form('token', { grant_type: 'client_credentials' }, 'machine:wrong')),
    // The address, and the client at the address.
    bound: (addresses) => ({ rows: addresses * A_DAY, keys: addresses * 2 }),
  },
  {
    name: 'token, secrets of unknown clients',
    prepare: async () => ({
      request: () => form('token', { grant_type: 'client_credentials' }, `${randomUUID()}:wrong`),
    }),
    bound: (addresses) => ({ rows: addresses * A_DAY, keys: addresses * (1 + PER_ADDRESS) }),
  },
  {
    name: 'token, for a machine',
    prepare: always(form('token', { grant_type: 'client_credentials' }, MACHINE)),
    bound: nothing,
  },
  {
    name: 'token, junk',
    prepare: async () => ({ request: () => refresh(token(54)) }),
    bound: nothing,
  },
  {
    name: 'token, the same token',
    needsAccount: true,
    prepare: withSession(({ refresh_token }) => refresh(refresh_token)),
    bound: oneRow,
  },
  {
    name: 'token, another client',
    needsAccount: true,
    prepare: withSession(({ refresh_token }) => refresh(refresh_token, 'phone')),
    bound: oneRow,
  },
  {
    name: 'token, ended session',
    needsAccount: true,
    prepare: withSession(async ({ refresh_token }, context) => {
      await context.send(form('revoke', { client_id: 'web', token: refresh_token }), INSIDER_IP)
      return refresh(refresh_token)
    }),
    bound: oneRow,
  },
  {
    name: 'revoke, junk',
    prepare: async () => ({ request: () => form('revoke', { client_id: 'web', token: token(54) }) }),
    bound: nothing,
  },
  {
    name: 'revoke, ended session',
    needsAccount: true,
    prepare: withSession(({ access_token }) => form('revoke', { client_id: 'web', token: access_token })),
    bound: oneRow,
  },
  {
    name: 'revoke, another client',
    needsAccount: true,
    prepare: withSession(({ access_token }) => form('revoke', { client_id: 'phone', token: access_token })),
    bound: nothing,
  },
  {
    name: 'introspect, no secret',
    prepare: always(form('introspect', { client_id: 'web', token: 'x' })),
    bound: rowEach,
  },
  {
    name: 'introspect, junk',
    prepare: async () => ({ request: () => form('introspect', { token: token(54) }, MACHINE) }),
    bound: nothing,
  },
  {
    name: 'introspect, a good token',
    needsAccount: true,
    prepare: withSession(({ access_token }) => form('introspect', { token: access_token }, MACHINE)),
    bound: nothing,
  },
]
