import { Type } from 'typebox'
import { endUserSession, endUserSessions, listGrants, listSessions, withdrawGrant } from '../services/admin/sessions.ts'
import { PAGE_SIZE, SESSION_POSITION } from '../rules/inputs.ts'
import { operation } from './operation.ts'
import { Grant, NEXT, SESSIONS_ENDED, Session, USER_ID } from './shown.ts'

const scope = 'admin:users:write'

export const sessionOperations = {
  list: operation({
    summary: 'List the sessions of a user, newest first',
    description: 'Includes sessions that have ended but are not pruned yet.',
    scope: 'admin:users:read',
    on: 'GET /users/{id}/sessions',
    params: USER_ID,
    query: {
      limit: Type.Optional(
        Type.String({ pattern: PAGE_SIZE, description: 'How many sessions a page has: 1 to 100. Default: 100.' }),
      ),
      after: Type.Optional(Type.String({ pattern: SESSION_POSITION, description: '`next` of the previous page.' })),
    },
    answer: Type.Object({ sessions: Type.Array(Session, { description: 'One page of sessions.' }), next: NEXT }),
    run: listSessions,
  }),

  endAll: operation({
    summary: 'End all sessions of a user',
    scope,
    on: 'DELETE /users/{id}/sessions',
    params: USER_ID,
    answer: Type.Object({ sessions_ended: SESSIONS_ENDED }),
    run: endUserSessions,
  }),

  end: operation({
    summary: 'End a session of a user',
    scope,
    on: 'DELETE /users/{id}/sessions/{session_id}',
    params: { ...USER_ID, session_id: Type.String({ description: 'The id of the session, from the list.' }) },
    answer: Type.Object({ sessions_ended: SESSIONS_ENDED }),
    run: endUserSession,
  }),

  listGrants: operation({
    summary: 'List the applications to which a user has given access',
    scope: 'admin:users:read',
    on: 'GET /users/{id}/grants',
    params: USER_ID,
    answer: Type.Object({ grants: Type.Array(Grant, { description: 'One for each application.' }) }),
    run: listGrants,
  }),

  withdrawGrant: operation({
    summary: 'Withdraw a user’s access from an application, and end its sessions with this user',
    scope,
    on: 'DELETE /users/{id}/grants/{grant_id}',
    params: { ...USER_ID, grant_id: Type.String({ description: 'The id of the grant, from the list.' }) },
    answer: Type.Object({
      client_id: Type.String({ description: 'The client of the application.' }),
      sessions_ended: SESSIONS_ENDED,
    }),
    run: withdrawGrant,
  }),
}
