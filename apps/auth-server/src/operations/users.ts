import { Type } from 'typebox'
import { MAX_ATTRIBUTES_BYTES } from '../rules/attributes.ts'
import {
  addUser,
  changeUser,
  disableUser,
  enableUser,
  findUsers,
  setUserPassword,
  showUser,
  unlockUser,
} from '../services/admin/users.ts'
import { deleteUser } from '../services/admin/delete-users.ts'
import { exportUser } from '../services/admin/export-user.ts'
import { NewPassword, PAGE_SIZE, Username } from '../rules/inputs.ts'
import { operation } from './operation.ts'
import { Event, Grant, NEXT, SESSIONS_ENDED, Session, USER_ID } from './shown.ts'

const scope = 'admin:users:write'

const ROLES = Type.Array(Type.String({ maxLength: 100 }), {
  maxItems: 100,
  description: 'Roles of the realm. They replace the user’s roles.',
})
const EMAIL = Type.Union([Type.String({ maxLength: 254 }), Type.Null()], {
  description: 'The e-mail address, or null. Two users may have the same one.',
})
const ATTRIBUTES = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  additionalProperties: true,
  description: `What else is known about the user: a JSON object of at most ${MAX_ATTRIBUTES_BYTES} bytes. It replaces the current one.`,
})
const REQUIRE_NEW = Type.Boolean({
  description: 'Whether the user must choose a new password at the next login. Sessions continue.',
})

const USER = {
  ...USER_ID,
  username: Type.String({ description: 'The username as it was typed.' }),
  email: Type.Union([Type.String(), Type.Null()], { description: 'The e-mail address, or null.' }),
  roles: Type.Array(Type.String(), { description: 'The roles of the user.' }),
  attributes: Type.Unsafe<object>({
    type: 'object',
    additionalProperties: true,
    description: 'What else is known about the user.',
  }),
  disabled: Type.Boolean({ description: 'Whether logins and refreshes are refused.' }),
  has_password: Type.Boolean({ description: 'Whether the user can log in with a password.' }),
  require_new_password: Type.Boolean({ description: 'Whether the next login needs a new password.' }),
  created_at: Type.String({ format: 'date-time', description: 'When the account was created.' }),
}
const User = Type.Object(USER)
const GENERATED = Type.Optional(
  Type.String({ description: 'The password, if it was generated. Shown only this once.' }),
)

export const userOperations = {
  find: operation({
    summary: 'Find users, by name',
    description: 'Without `username` and `email`, all users.',
    scope: 'admin:users:read',
    on: 'GET /users',
    query: {
      username: Type.Optional(
        Type.String({ minLength: 1, maxLength: 64, description: 'What the name begins with, in any case.' }),
      ),
      email: Type.Optional(Type.String({ maxLength: 254, description: 'The whole e-mail address, in any case.' })),
      limit: Type.Optional(
        Type.String({ pattern: PAGE_SIZE, description: 'How many users a page has: 1 to 100. Default: 100.' }),
      ),
      after: Type.Optional(Type.String({ maxLength: 256, description: '`next` of the previous page.' })),
    },
    answer: Type.Object({
      users: Type.Array(User, { description: 'One page of users.' }),
      next: NEXT,
    }),
    run: findUsers,
  }),

  show: operation({
    summary: 'Show a user',
    scope: 'admin:users:read',
    on: 'GET /users/{id}',
    params: USER_ID,
    answer: User,
    run: showUser,
  }),

  add: operation({
    summary: 'Add a user',
    scope,
    on: 'POST /users',
    body: {
      username: Username,
      password: Type.Optional(
        Type.Union([NewPassword, Type.Null()], {
          description: 'The password. Null: none, so the user cannot log in with one. Default: a generated one.',
        }),
      ),
      email: Type.Optional(EMAIL),
      roles: Type.Optional(ROLES),
      attributes: Type.Optional(ATTRIBUTES),
      require_new_password: Type.Optional(REQUIRE_NEW),
    },
    status: 201,
    answer: Type.Object({ ...USER, password: GENERATED }),
    refusals: [409],
    run: addUser,
  }),

  change: operation({
    summary: 'Change a user',
    description: 'Members that are left out do not change. Each session gets the roles at its next refresh.',
    scope,
    on: 'PATCH /users/{id}',
    params: USER_ID,
    body: {
      email: Type.Optional(EMAIL),
      roles: Type.Optional(ROLES),
      attributes: Type.Optional(ATTRIBUTES),
      require_new_password: Type.Optional(REQUIRE_NEW),
    },
    answer: User,
    refusals: [409],
    run: changeUser,
  }),

  setPassword: operation({
    summary: 'Set the password of a user, and end all sessions',
    description: 'Resets the count of failed logins, so the user can log in at once.',
    scope,
    on: 'PUT /users/{id}/password',
    params: USER_ID,
    body: {
      password: Type.Optional(NewPassword),
      require_new_password: Type.Optional(REQUIRE_NEW),
    },
    answer: Type.Object({ ...USER, sessions_ended: SESSIONS_ENDED, password: GENERATED }),
    refusals: [409],
    run: setUserPassword,
  }),

  disable: operation({
    summary: 'Refuse a user’s logins and refreshes, and end all sessions',
    scope,
    on: 'POST /users/{id}/disable',
    params: USER_ID,
    answer: Type.Object({ ...USER, sessions_ended: SESSIONS_ENDED }),
    refusals: [409],
    run: disableUser,
  }),

  enable: operation({
    summary: 'Allow logins of a user again',
    description: 'Sessions that have ended stay ended.',
    scope,
    on: 'POST /users/{id}/enable',
    params: USER_ID,
    answer: User,
    refusals: [409],
    run: enableUser,
  }),

  unlock: operation({
    summary: 'Reset a user’s count of failed logins',
    description: 'The limits per address stay. Other servers may keep refusing for a few seconds.',
    scope,
    on: 'POST /users/{id}/unlock',
    params: USER_ID,
    answer: User,
    run: unlockUser,
  }),

  remove: operation({
    summary: 'Delete a user and all their data',
    description:
      'Ends the sessions first. Then deletes the account, sessions, grants and events; one event stays, which has a hash of the id and ' +
      'says who deleted the user. Data in Redis is deleted within seconds, or once Redis is back.',
    scope,
    on: 'DELETE /users/{id}',
    params: USER_ID,
    answer: Type.Object({
      deleted: Type.String({ description: 'The id of the user.' }),
      sessions_ended: SESSIONS_ENDED,
    }),
    refusals: [409],
    run: deleteUser,
  }),

  export: operation({
    summary: 'Export all data about a user',
    description: 'Everything except the password hash. Sessions and events: the newest 10,000 of each.',
    scope: 'admin:users:read',
    on: 'GET /users/{id}/export',
    params: USER_ID,
    answer: Type.Object({
      user: Type.Object(USER, { description: 'The account.' }),
      sessions: Type.Array(Session, {
        description: 'Its sessions, including those that have ended but are not pruned yet.',
      }),
      grants: Type.Array(Grant, { description: 'The applications to which the user has given access.' }),
      known_networks: Type.Array(Type.String(), {
        description: 'Networks from which the user has recently logged in.',
      }),
      events: Type.Array(Event, { description: 'Its security events, newest first.' }),
      is_complete: Type.Boolean({ description: 'False if there are more sessions or events.' }),
    }),
    run: exportUser,
  }),
}
