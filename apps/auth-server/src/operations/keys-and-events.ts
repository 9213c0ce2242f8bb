import { Type } from 'typebox'
import { listEvents } from '../services/admin/events.ts'
import { listKeys, removeKey, rotateKeys } from '../services/admin/keys.ts'
import { PAGE_SIZE } from '../rules/inputs.ts'
import { operation } from './operation.ts'
import { Event, NEXT } from './shown.ts'

const Keys = Type.Object({
  keys: Type.Array(
    Type.Object({
      kid: Type.String({ description: 'The RFC 7638 thumbprint.' }),
      algorithm: Type.String({ description: 'What it signs with.' }),
      state: Type.String({ description: '`coming`, `signing` or `retiring`.' }),
      created_at: Type.String({ format: 'date-time', description: 'Since when it is published.' }),
      signs_from: Type.String({ format: 'date-time', description: 'From when on it signs.' }),
      leaves_at: Type.Union([Type.String(), Type.Null()], {
        description: 'When it is no longer published. Null while there is no newer key.',
      }),
    }),
    { description: 'The published keys, oldest first.' },
  ),
})

export const keyOperations = {
  list: operation({
    summary: 'List the published signing keys',
    scope: 'admin:keys',
    on: 'GET /keys',
    answer: Keys,
    run: listKeys,
  }),

  rotate: operation({
    summary: 'Make the next signing key',
    description: 'It is published now, and signs once every service has it.',
    scope: 'admin:keys',
    on: 'POST /keys',
    answer: Keys,
    refusals: [409],
    run: rotateKeys,
  }),

  remove: operation({
    summary: 'After a leak: remove a key at once, and with it every access token that it signed',
    scope: 'admin:keys',
    on: 'DELETE /keys/{kid}',
    params: { kid: Type.String({ description: 'The `kid` of the key.' }) },
    answer: Keys,
    run: removeKey,
  }),
}

/** A date and a time with its zone, as in RFC 3339. */
const TIME = '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2})$'

export const eventOperations = {
  list: operation({
    summary: 'List security events, newest first',
    description: 'A page of one `type` may have few events, or none, and a `next` all the same.',
    scope: 'admin:events',
    on: 'GET /events',
    query: {
      user_id: Type.Optional(Type.String({ description: 'The user whom they are about.' })),
      type: Type.Optional(
        Type.String({ pattern: '^[a-z_]{1,50}$', description: 'What happened, such as `login_refused`.' }),
      ),
      since: Type.Optional(
        Type.String({ pattern: TIME, description: 'From this time on, such as 2030-01-31T12:00:00Z.' }),
      ),
      until: Type.Optional(Type.String({ pattern: TIME, description: 'Before this time.' })),
      limit: Type.Optional(
        Type.String({ pattern: PAGE_SIZE, description: 'How many events a page has at most: 1 to 100. Default: 100.' }),
      ),
      after: Type.Optional(
        Type.String({ pattern: '^[0-9]{1,14}_[0-9]{1,18}$', description: '`next` of the previous page.' }),
      ),
    },
    answer: Type.Object({ events: Type.Array(Event, { description: 'One page of events.' }), next: NEXT }),
    run: listEvents,
  }),
}
