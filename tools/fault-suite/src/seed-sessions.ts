import { randomBytes, randomUUID } from 'node:crypto'
import { refreshTokens } from '../../../apps/auth-server/src/rules/refresh-token.ts'
import type { TestCluster } from './test-cluster.ts'

/** Opens sessions as a login does, without its argon2id: rows in Postgres, and the tokens of their first generation. */
export async function seedSessions(house: TestCluster, userId: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomBytes(16))
  await house.askPostgres(
    `INSERT INTO families (id, sid, user_id, client_id, scope, created_at, expires_at, redeemed_at)
     SELECT decode(id, 'hex'), sid::uuid, $3, 'web', 'reports:read', now(), now() + interval '30 days', now()
     FROM unnest($1::text[], $2::text[]) AS minted (id, sid)`,
    [ids.map((id) => id.toString('hex')), ids.map(() => randomUUID()), userId],
  )
  const tokens = refreshTokens([house.tokenSecret])
  return ids.map((id) => tokens.issue(id.toString('base64url'), 1))
}
