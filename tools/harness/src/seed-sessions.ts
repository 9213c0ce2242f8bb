import { randomBytes, randomUUID } from 'node:crypto'
import { refreshTokens } from '@heirloom/auth-server/internals/rules/refresh-token'
import pg from 'pg'

export interface SeededSession {
  /** As the stores know it, in base64url. */
  familyId: string
  sessionId: string
  /** Of the first generation, as a login returns it. */
  refreshToken: string
}

interface Target {
  databaseUrl: string
  /** The first of the auth servers' TOKEN_SECRETS. */
  tokenSecret: string
}

/**
 * Opens a session for each of these users, which exist, as a login would have left it in Postgres. A login costs a password
 * hash: logging thousands of clients in would take most of a run. The sessions are a millisecond apart.
 *
 * @param usernames as registered; a user who is named several times gets several sessions.
 */
export async function seedSessions(
  { databaseUrl, tokenSecret }: Target,
  usernames: readonly string[],
): Promise<SeededSession[]> {
  const sessionIds = usernames.map(() => randomUUID())
  const ids = usernames.map(() => randomBytes(16))
  const client = new pg.Client({ connectionString: databaseUrl })
  client.on('error', () => undefined) // the query rejects as well
  await client.connect()
  try {
    const { rowCount } = await client.query(
      `INSERT INTO families (id, sid, user_id, client_id, scope, device, ip, created_at, expires_at, redeemed_at)
       SELECT seeded.id, sid, users.id, 'web', 'reports:read', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0)', '203.0.113.7',
              at, at + interval '30 days', at
       FROM unnest($1::bytea[], $2::uuid[], $3::text[]) WITH ORDINALITY AS seeded (id, sid, username, n)
       JOIN users USING (username), LATERAL (SELECT now() - ($4 - n) * interval '1 millisecond' AS at) AS opened`,
      [ids, sessionIds, usernames, usernames.length],
    )
    if (rowCount !== usernames.length) throw new Error('some of the users of the sessions to seed do not exist')
  } finally {
    await client.end()
  }
  const tokens = refreshTokens([tokenSecret])
  return ids.map((id, i) => {
    const familyId = id.toString('base64url')
    return { familyId, sessionId: sessionIds[i] ?? '', refreshToken: tokens.issue(familyId, 1) }
  })
}
