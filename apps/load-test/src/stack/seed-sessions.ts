import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { refreshTokens } from '../../../auth-server/src/rules/refresh-token.ts'

export interface EarlierSession {
  sessionId: string
  /** As handed out at the login. */
  refreshToken: string
}

interface Earlier {
  databaseUrl: string
  /** Of the auth-servers, with which refresh tokens are made. */
  tokenSecret: string
}

/**
 * Opens a session for each of these users, as a login some time ago would have left it. A login costs a password hash, so
 * logging thousands of clients in would be most of a run, and is not what most runs are about.
 */
export async function seedSessions(
  { databaseUrl, tokenSecret }: Earlier,
  usernames: string[],
): Promise<EarlierSession[]> {
  const sessionIds = usernames.map(() => randomUUID())
  const ids = usernames.map(() => randomBytes(16))
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query(
      `INSERT INTO families (id, sid, user_id, client_id, scope, created_at, expires_at, redeemed_at)
       SELECT earlier.id, earlier.sid, users.id, 'web', 'reports:read', now(), now() + interval '30 days', now()
       FROM unnest($1::bytea[], $2::uuid[], $3::text[]) AS earlier (id, sid, username) JOIN users USING (username)`,
      [ids, sessionIds, usernames],
    )
  } finally {
    await client.end()
  }
  const tokens = refreshTokens([tokenSecret])
  return sessionIds.map((sessionId, i) => {
    return { sessionId, refreshToken: tokens.issue(ids[i]?.toString('base64url') ?? '', 1) }
  })
}
