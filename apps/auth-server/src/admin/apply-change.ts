import type { RealmData } from '../rules/realm.ts'
import { realmWarnings } from '../rules/realm-warnings.ts'
import { type Changed, type Decided, changeRealm } from '../services/realm/change-realm.ts'
import { type ParsedFile, faultLines } from '../services/realm/read-realm-file.ts'
import type { ServerParts } from '../wiring.ts'
import { UsageErrors } from './door.ts'

/** The most faults that are printed. */
const MAX_FAULTS = 100

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
