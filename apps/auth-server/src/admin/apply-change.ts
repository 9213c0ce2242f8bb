import type { RealmData } from '../rules/realm.ts'
import { realmWarnings } from '../rules/realm-warnings.ts'
import { type Changed, type Decided, changeRealm } from '../services/realm/change-realm.ts'
import { REALM_FOLLOWED_WITHIN_MS } from '../services/realm/realm-keeper.ts'
import { type ParsedFile, faultLines } from '../services/realm/read-realm-file.ts'
import type { ServerParts } from '../wiring.ts'
import { UsageErrors } from './door.ts'

/** The most faults that are printed. */
const MAX_FAULTS = 100

/** What every command that changes the realm prints besides. */
export const FOLLOWED = { every_server_follows_within_seconds: REALM_FOLLOWED_WITHIN_MS / 1000 }

interface Options {
  dryRun?: boolean
  /** Whose lines the faults name. */
  file?: ParsedFile & { name: string }
}

/**
 * Changes the realm by a command. `warnings` is for its answer, and empty if there are none.
 * @throws UsageErrors with everything that is wrong; nothing is changed then.
 */
export async function applyChange(
  { core, realm, realmRows, rollback }: ServerParts,
  decide: (current: RealmData) => Decided,
  { dryRun = false, file }: Options = {},
): Promise<Extract<Changed, { ok: true }> & { warnings: { warnings?: string[] } }> {
  const changed = await changeRealm({ ...core, realm, realmRows, rollback }, decide, { dryRun })
  if (changed.ok) {
    const ids = new Set(changed.changes.filter(({ row }) => row === 'client').map(({ id }) => id))
    const clients = changed.realm.clients.filter(({ id }) => ids.has(id))
    const warnings = faultLines(realmWarnings({ clients }, core.config.issuer).slice(0, MAX_FAULTS), file)
    return { ...changed, warnings: warnings.length > 0 ? { warnings } : {} }
  }
  const lines = faultLines(changed.faults.slice(0, MAX_FAULTS), file)
  const more = changed.faults.length - lines.length
  throw new UsageErrors([...lines, ...(more > 0 ? [`and ${more} more faults`] : []), 'nothing was changed'])
}

/** A row that a command adds must not be there, and one that it changes must be. */
export const refused = (path: readonly string[], text: string): Decided => ({ ok: false, faults: [{ path, text }] })

/** As the rows have it now. */
export async function readRealm({ realmRows }: ServerParts): Promise<RealmData> {
  const read = await realmRows.readUnless(null)
  if (!read) throw new Error('the table `realm` has lost its one row')
  return read.data
}
