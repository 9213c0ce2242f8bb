import { Type } from 'typebox'

// What several operations answer.

const Time = (description: string) => Type.String({ format: 'date-time', description })
const OrNull = (description: string) => Type.Union([Type.String(), Type.Null()], { description })

export const Session = Type.Object({
  id: Type.String({ format: 'uuid', description: 'The public id of the session, as in the claim `sid`.' }),
  live: Type.Boolean({ description: 'Whether it can go on.' }),
  client_id: Type.String({ description: 'The client that opened it.' }),
  device: OrNull('The name in the login, or its `User-Agent`.'),
  ip: OrNull('The address that the login came from.'),
  created_at: Time('When the user logged in.'),
  last_used_at: Time('The last refresh, or the login.'),
  expires_at: Time('When it ends, however often it is used.'),
  revoked_at: OrNull('When it was ended, or null.'),
  revoked_reason: OrNull('Why it was ended, or null.'),
})

export const Grant = Type.Object({
  id: Type.String({ format: 'uuid', description: 'The id of the grant.' }),
  client_id: Type.String({ description: 'The client of the application.' }),
  resources: Type.Array(Type.String(), { description: 'The resources that it may use.' }),
  scopes: Type.Array(Type.String(), { description: 'What it may do there.' }),
  created_at: Time('When the user first gave access.'),
})

export const Event = Type.Object({
  at: Time('When it happened, the first time.'),
  type: Type.String({ description: 'What happened: see the page about security events.' }),
  user_id: Type.Optional(Type.String({ description: 'The user whom it is about.' })),
  session_id: Type.Optional(Type.String({ description: 'The session that it is about.' })),
  by: Type.Optional(Type.String({ description: 'Who did it, if it was done by administration.' })),
  detail: Type.Unsafe<object>({
    type: 'object',
    additionalProperties: true,
    description: 'The other fields of this type of event.',
  }),
  times: Type.Integer({ description: 'How often it happened that day.' }),
  text: Type.String({ description: 'The same in words.' }),
})

/** The schema has no format, so that any other text is a user who does not exist. */
export const USER_ID = { id: Type.String({ description: 'The id of the user, as in the claim `sub`.' }) }

export const SESSIONS_ENDED = Type.Integer({ description: 'How many sessions were ended.' })

export const NEXT = Type.Optional(
  Type.String({ description: 'Present if there are more: the `after` of the next page.' }),
)
