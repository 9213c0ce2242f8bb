import { MAX_KEYS, type NotRotated } from '../../keys/key-ring.ts'
import { refuse } from '../refusal.ts'
import type { AdminParts } from './admin-parts.ts'

export async function listKeys({ core: { keys, clock } }: AdminParts) {
  const now = await clock.now()
  return {
    ok: true as const,
    keys: keys.published(now).map((one) => ({
      kid: one.kid,
      algorithm: one.algorithm,
      state: keys.stateOf(one, now),
      created_at: new Date(one.createdAt).toISOString(),
      signs_from: new Date(one.signsFrom).toISOString(),
      leaves_at: one.leavesAt === null ? null : new Date(one.leavesAt).toISOString(),
    })),
  }
}

export async function rotateKeys(parts: AdminParts) {
  const refused = await parts.core.keys.rotate((kid) => parts.core.audit({ type: 'key_made', kid }))
  return refused ? refuse('conflict', whyNotRotated(refused)) : listKeys(parts)
}

export async function removeKey(parts: AdminParts, { kid }: { kid: string }) {
  if (!(await parts.core.keys.remove(kid))) return refuse('not_found', `there is no key ${JSON.stringify(kid)}`)
  parts.core.audit({ type: 'key_removed', kid })
  return listKeys(parts)
}

function whyNotRotated(refused: NotRotated): string {
  const until = new Date(refused.until).toISOString()
  if (refused.reason === 'too_many')
    return `${MAX_KEYS} keys are published, which is the limit; the next one can be made at ${until}, when one of them leaves`
  return (
    `the key ${refused.kid} is coming and signs from ${until}; the next one can be made then. ` +
    'After a leak, `key remove KID` removes a key at once; if that key was signing, the coming one takes over at once'
  )
}
