import type { Config } from '../../config.ts'
import { keyEncryption } from '../../keys/key-encryption.ts'
import type { KeyRow } from './check-postgres.ts'
import type { Finding } from './finding.ts'

const DAY_MS = 86_400_000
/** A rotation that is nearer than this is noted. */
const SOON_MS = 7 * DAY_MS

type KeyConfig = Pick<Config, 'keyPolicy' | 'keyEncryptionSecret'>

/** @param keys oldest first. @param now in milliseconds. */
export function checkKeys(keys: readonly KeyRow[], config: KeyConfig, now: number): Finding[] {
  const findings: Finding[] = []
  const find = (level: Finding['level'], cause: string, cure: string) =>
    findings.push({ level, check: 'keys', cause, cure })
  const signing = keys.findLast(({ signsFrom }) => signsFrom.getTime() <= now)
  const coming = keys.find(({ signsFrom }) => signsFrom.getTime() > now)
  const closed = keys.filter((key) => !opens(key, config.keyEncryptionSecret))

  if (closed.length > 0)
    find(
      'broken',
      `KEY_ENCRYPTION_SECRET does not decrypt ${closed.length} of the ${keys.length} signing keys in Postgres`,
      'Set the KEY_ENCRYPTION_SECRET that the servers had when they made the keys.',
    )
  if (!signing)
    find(
      'warning',
      'No signing key is in use yet',
      keys.length === 0 ? 'Start a server: the first one makes a key.' : 'Correct the clocks, and start a server.',
    )
  if (coming)
    find(
      'note',
      `The key ${coming.kid} is published and signs from ${coming.signsFrom.toISOString()}`,
      'There is nothing to do: the previous key stays published while its tokens live.',
    )
  const { rotateAfterMs } = config.keyPolicy
  if (!signing || coming || rotateAfterMs === null) return findings
  const dueMs = signing.createdAt.getTime() + rotateAfterMs - now
  if (dueMs <= 0)
    find(
      'warning',
      `The signing key ${signing.kid} is ${Math.floor((now - signing.createdAt.getTime()) / DAY_MS)} days old, and no new key was made`,
      'Start a server, which makes it, or run `npm run admin -- key rotate`.',
    )
  else if (dueMs <= SOON_MS)
    find(
      'note',
      `The signing key ${signing.kid} is due for rotation at ${new Date(now + dueMs).toISOString()}`,
      'There is nothing to do: a server will make the next key then.',
    )
  return findings
}

function opens({ kid, privateEncrypted }: KeyRow, secret: string): boolean {
  try {
    keyEncryption(secret).unwrap(kid, privateEncrypted)
    return true
  } catch {
    return false
  }
}
