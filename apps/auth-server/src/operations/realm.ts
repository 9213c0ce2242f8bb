import { Type } from 'typebox'
import { CLIENT_MEMBERS, RESOURCE_MEMBERS } from '../rules/realm-file.ts'
import {
  addClient,
  changeClient,
  disableClient,
  enableClient,
  listClients,
  removeClient,
  rotateClientSecret,
  showClient,
} from '../services/admin/clients.ts'
import {
  addResource,
  changeResource,
  listResources,
  listRoles,
  removeResource,
  removeRole,
  setRole,
} from '../services/admin/resources-and-roles.ts'
import { PAGE_SIZE } from '../rules/inputs.ts'
import { operation } from './operation.ts'
import { NEXT, SESSIONS_ENDED } from './shown.ts'

const scope = 'admin:clients'
/** Ids are longer than a part of an address may be, and may be URIs: percent-encode them. */
const CLIENT_ID = { client_id: Type.String({ description: 'The id of the client, percent-encoded.' }) }
const RESOURCE_ID = { resource_id: Type.String({ description: 'The id of the resource, percent-encoded.' }) }
const ROLE = { role: Type.String({ description: 'The name of the role, percent-encoded.' }) }

const Strings = (description: string) => Type.Array(Type.String(), { description })
const Seconds = (description: string) =>
  Type.Union([Type.Integer(), Type.Null()], { description: `${description} Null: as the settings say.` })
const FOLLOWED = {
  every_server_follows_within_seconds: Type.Integer({
    description: 'Until then, a server may still use the previous realm.',
  }),
}
const REMOVED = { removed: Type.String({ description: 'Its id.' }) }

const CLIENT = {
  id: Type.String({ description: 'The id of the client.' }),
  name: Type.String({ description: 'What people are shown.' }),
  auth: Type.String({ description: 'How the client authenticates.' }),
  secrets: Type.Integer({ description: 'How many secrets are valid.' }),
  redirect_uris: Strings('Where a user may be sent back to.'),
  grants: Strings('The grants that it may use.'),
  resources: Strings('The resources that it may ask for.'),
  scopes: Strings('The scopes that it may ask for.'),
  origins: Strings('The web origins whose pages use it.'),
  first_party: Type.Boolean({ description: 'Whether it is your own.' }),
  access_token_ttl_seconds: Seconds('How long its access tokens live.'),
  refresh_idle_ttl_seconds: Seconds('How long a session may be unused.'),
  refresh_absolute_ttl_seconds: Seconds('How long a session lasts, however often it is used.'),
  refresh_grace_seconds: Seconds('How long the same refresh token gets the same new one.'),
  refresh_late_repeat_gap: Type.Union([Type.Integer(), Type.String(), Type.Null()], {
    description: 'In generations, or `off`. Null: as the settings say.',
  }),
  disabled: Type.Boolean({ description: 'Whether it is refused.' }),
  ended_before: Type.Union([Type.String(), Type.Null()], {
    description: 'Its sessions that were opened before this time have ended. Null: none.',
  }),
}
const Client = Type.Object(CLIENT)
const WARNINGS = { warnings: Type.Optional(Strings('Settings that are probably mistakes.')) }
const SECRET = {
  client_secret: Type.Optional(Type.String({ description: 'The secret, if one was made. Shown only this once.' })),
}

const Table = (description: string) =>
  Type.Unsafe<object>({ type: 'object', additionalProperties: { type: 'string' }, description })
const RESOURCE = {
  id: Type.String({ description: 'The value of `aud`.' }),
  name: Type.String({ description: 'What people are shown.' }),
  scopes: Table('Each scope, and what it means in words.'),
  introspectors: Strings('The clients that may introspect its access tokens.'),
  claims: Table('Each of its own claims, and the user attribute that fills it.'),
  access_token_ttl_seconds: Seconds('How long its access tokens live.'),
}
const ROLE_ROW = {
  name: Type.String({ description: 'The name of the role.' }),
  scopes: Strings('The scopes that it grants, of any resource.'),
}

export const clientOperations = {
  list: operation({
    summary: 'List the clients, by id',
    scope,
    on: 'GET /clients',
    query: {
      limit: Type.Optional(
        Type.String({ pattern: PAGE_SIZE, description: 'How many clients a page has: 1 to 100. Default: 100.' }),
      ),
      after: Type.Optional(Type.String({ maxLength: 200, description: '`next` of the previous page.' })),
    },
    answer: Type.Object({ clients: Type.Array(Client, { description: 'One page of clients.' }), next: NEXT }),
    run: listClients,
  }),

  show: operation({
    summary: 'Show a client',
    scope,
    on: 'GET /clients/{client_id}',
    params: CLIENT_ID,
    answer: Client,
    run: showClient,
  }),

  add: operation({
    summary: 'Add a client',
    description: 'A client that authenticates gets a secret, which is answered this once.',
    scope,
    on: 'POST /clients',
    body: {
      client_id: Type.String({ maxLength: 200, description: 'The id of the client.' }),
      ...CLIENT_MEMBERS,
    },
    status: 201,
    answer: Type.Object({ ...CLIENT, ...WARNINGS, ...SECRET, ...FOLLOWED }),
    refusals: [409],
    run: addClient,
  }),

  change: operation({
    summary: 'Change a client',
    description: 'What is left out stays as it is.',
    scope,
    on: 'PATCH /clients/{client_id}',
    params: CLIENT_ID,
    body: CLIENT_MEMBERS,
    answer: Type.Object({ ...CLIENT, ...WARNINGS, ...FOLLOWED }),
    run: changeClient,
  }),

  rotateSecret: operation({
    summary: 'Make another secret of a client, or retire all but the newest',
    description: 'The secret before stays valid until it is retired.',
    scope,
    on: 'POST /clients/{client_id}/secret',
    params: CLIENT_ID,
    body: {
      retire_old: Type.Optional(
        Type.Boolean({ description: 'True: no secret is made, and only the newest stays valid.' }),
      ),
    },
    answer: Type.Object({ ...CLIENT, ...SECRET, ...FOLLOWED }),
    run: rotateClientSecret,
  }),

  disable: operation({
    summary: 'Refuse a client, and end all its sessions',
    description: 'The answer comes when every server has followed: after five seconds.',
    scope,
    on: 'POST /clients/{client_id}/disable',
    params: CLIENT_ID,
    answer: Type.Object({ ...CLIENT, sessions_ended: SESSIONS_ENDED }),
    run: disableClient,
  }),

  enable: operation({
    summary: 'Take a client again',
    description: 'Sessions that have ended stay ended.',
    scope,
    on: 'POST /clients/{client_id}/enable',
    params: CLIENT_ID,
    answer: Type.Object({ ...CLIENT, ...FOLLOWED }),
    run: enableClient,
  }),

  remove: operation({
    summary: 'Remove a client, and end all its sessions',
    description: 'The answer comes when every server has followed: after five seconds.',
    scope,
    on: 'DELETE /clients/{client_id}',
    params: CLIENT_ID,
    answer: Type.Object({ ...REMOVED, sessions_ended: SESSIONS_ENDED }),
    run: removeClient,
  }),
}

export const resourceOperations = {
  list: operation({
    summary: 'List the resources with their scopes',
    scope,
    on: 'GET /resources',
    answer: Type.Object({
      resources: Type.Array(Type.Object(RESOURCE), { description: 'All resources.' }),
    }),
    run: listResources,
  }),

  add: operation({
    summary: 'Add a resource',
    scope,
    on: 'POST /resources',
    body: {
      resource_id: Type.String({
        maxLength: 200,
        description: 'What stands in `aud`: an absolute URI, or a bare name.',
      }),
      ...RESOURCE_MEMBERS,
    },
    status: 201,
    answer: Type.Object({ ...RESOURCE, ...FOLLOWED }),
    refusals: [409],
    run: addResource,
  }),

  change: operation({
    summary: 'Replace what a resource has',
    scope,
    on: 'PUT /resources/{resource_id}',
    params: RESOURCE_ID,
    body: RESOURCE_MEMBERS,
    answer: Type.Object({ ...RESOURCE, ...FOLLOWED }),
    run: changeResource,
  }),

  remove: operation({
    summary: 'Remove a resource that no client and no role names any more',
    scope,
    on: 'DELETE /resources/{resource_id}',
    params: RESOURCE_ID,
    answer: Type.Object({ ...REMOVED, ...FOLLOWED }),
    run: removeResource,
  }),
}

export const roleOperations = {
  list: operation({
    summary: 'List the roles with their scopes',
    scope,
    on: 'GET /roles',
    answer: Type.Object({ roles: Type.Array(Type.Object(ROLE_ROW), { description: 'All roles.' }) }),
    run: listRoles,
  }),

  set: operation({
    summary: 'Make a role, or set the scopes of one',
    description: 'Each session gets them at its next refresh.',
    scope,
    on: 'PUT /roles/{role}',
    params: ROLE,
    body: {
      scopes: Type.Array(Type.String({ maxLength: 100 }), {
        maxItems: 1_000,
        uniqueItems: true,
        description: 'Scopes of any resource, each once.',
      }),
    },
    answer: Type.Object({ ...ROLE_ROW, ...FOLLOWED }),
    run: setRole,
  }),

  remove: operation({
    summary: 'Remove a role',
    description: 'Users who have it keep its name, which grants nothing any more.',
    scope,
    on: 'DELETE /roles/{role}',
    params: ROLE,
    answer: Type.Object({ ...REMOVED, ...FOLLOWED }),
    run: removeRole,
  }),
}
