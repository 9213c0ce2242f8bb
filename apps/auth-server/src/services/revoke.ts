import { type Grant, NO_MARKS, type Revocation } from '../rules/family.ts'
import type { Core } from './core.ts'

type Revocable = Pick<Grant, 'id' | 'sid' | 'userId' | 'expiresAt'>

/** Every revocation goes through here, so that none lacks its event. Durable when it returns. */
export async function revoke(core: Core, families: readonly Revocable[], revocation: Revocation): Promise<void> {
  const marks = { ...NO_MARKS, revoked: revocation }
  await core.families.revoke(families.map(({ id, expiresAt }) => ({ id, expiresAt, marks })))
  for (const { userId, sid } of families) core.record({ type: 'revoked', userId, sid, reason: revocation.reason })
}
