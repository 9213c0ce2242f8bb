import { adminScopesTouched } from '../../rules/administration.ts'
import type { RealmData } from '../../rules/realm.ts'
import { realmWarnings } from '../../rules/realm-warnings.ts'
import { type Changed, type Decided, changeRealm } from '../realm/change-realm.ts'
import { faultLines } from '../realm/read-realm-file.ts'
import { REALM_FOLLOWED_WITHIN_MS } from '../realm/realm-keeper.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { type AdminParts, refusalBeyond } from './admin-parts.ts'

/** The most faults that are told. */
const MAX_FAULTS = 100

/** What every change of the realm answers besides. */
export const FOLLOWED = { every_server_follows_within_seconds: REALM_FOLLOWED_WITHIN_MS / 1000 }

/**
 * Changes the realm for an administrator, who may not give away more than they have. Everything that is wrong with the result is in
 * the refusal, and then nothing is changed.
 * @param decide called again if the realm was changed meanwhile. A refusal is answered as it is.
 */
export async function changeRealmAs(
  { core, realm, realmRows, rollback, caller }: AdminParts,
  decide: (current: RealmData) => Decided | Refusal,
): Promise<(Extract<Changed, { ok: true }> & { warnings: { warnings?: string[] } }) | Refusal> {
  let refusal = null as Refusal | null
  const changed = await changeRealm({ ...core, realm, realmRows, rollback }, (current) => {
    const decided = decide(current)
    refusal =
      'error' in decided
        ? decided
        : decided.ok
          ? refusalBeyond(caller, adminScopesTouched(current, decided.realm))
          : null
    return refusal || 'error' in decided ? { ok: false, faults: [] } : decided
  })
  if (refusal) return refusal
  if (!changed.ok) {
    const lines = [...faultLines(changed.faults.slice(0, MAX_FAULTS)), 'nothing was changed']
    return { ...refuse('invalid_request', lines.join('; ')), lines }
  }
  const ids = new Set(changed.changes.filter(({ row }) => row === 'client').map(({ id }) => id))
  const clients = changed.realm.clients.filter(({ id }) => ids.has(id))
  const warnings = faultLines(realmWarnings({ clients }, core.config.issuer).slice(0, MAX_FAULTS))
  return { ...changed, warnings: warnings.length > 0 ? { warnings } : {} }
}

/** As the rows have it now. */
export async function readRealm({ realmRows }: Pick<AdminParts, 'realmRows'>): Promise<RealmData> {
  const read = await realmRows.readUnless(null)
  if (!read) throw new Error('the table `realm` has lost its one row')
  return read.data
}

/** Some rows in the order of their ids, and the id after which to go on. */
export function pageOf<Row>(
  rows: readonly Row[],
  idOf: (row: Row) => string,
  { limit = '100', after = '' }: { limit?: string; after?: string },
): { rows: Row[]; next?: string } {
  const left = rows.filter((row) => idOf(row) > after).toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
  const page = left.slice(0, Number(limit))
  const last = page.at(-1)
  return { rows: page, ...(left.length > page.length && last && { next: idOf(last) }) }
}
