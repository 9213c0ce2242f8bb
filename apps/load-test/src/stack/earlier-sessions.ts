import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { refreshTokens } from '../../../auth-server/src/rules/refresh-token.ts'

interface Earlier {
  databaseUrl: string
  /** Of the auth-servers, with which refresh tokens are made. */
  tokenSecret: string
}

/**
 * Opens a session for each of these users, as a login some time ago would have left it. A login costs a password hash, so
 * logging thousands of clients in would be most of a run, and is not what most runs are about.
 *
 * @returns the refresh token of each, as handed out at the login.
 */
export async function openEarlier({ databaseUrl, tokenSecret }: Earlier, usernames: string[]): Promise<string[]> {
  const ids = usernames.map(() => randomBytes(16))
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query(
      `INSERT INTO families (id, sid, user_id, client_id, scope, created_at, expires_at, redeemed_at)
       SELECT earlier.id, gen_random_uuid(), users.id, 'web', 'reports:read', now(), now() + interval '30 days', now()
       FROM unnest($1::bytea[], $2::text[]) AS earlier (id, username) JOIN users USING (username)`,
      [ids, usernames],
    )
  } finally {
    await client.end()
  }
  const tokens = refreshTokens([tokenSecret])
  return ids.map((id) => tokens.issue(id.toString('base64url'), 1))
}
