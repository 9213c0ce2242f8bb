import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, RealmData } from '../../rules/realm.ts'
import type { RowChange } from '../../rules/realm-changes.ts'
import type { RollbackDetector } from '../../replication/rollback-detector.ts'
import { realmFaults } from '../../rules/realm-faults.ts'
import type { RealmFault } from '../../rules/realm-file.ts'
import type { RealmRows } from '../../stores/realm-rows.ts'
import type { RecordEvent } from '../security-event.ts'
import { type EndClientsParts, endSessionsOfClients } from './end-sessions-of-clients.ts'
import { REALM_FOLLOWED_WITHIN_MS, type RealmKeeper } from './realm-keeper.ts'

export type ChangeParts = EndClientsParts & {
  config: { issuer: string }
  realm: Pick<RealmKeeper, 'refresh'>
  realmRows: Pick<RealmRows, 'change'>
  rollback: Pick<RollbackDetector, 'count'>
}

/** What a change makes of the realm, or why it cannot. */
export type Decided = { ok: true; realm: RealmData } | { ok: false; faults: readonly RealmFault[] }

export type Changed =
  | { ok: true; realm: RealmData; changes: readonly RowChange[]; sessionsEnded: number }
  | { ok: false; faults: readonly RealmFault[] }

/** If more rows than this change at once, one event gives their number. */
const MAX_EVENTS = 100

/**
 * Changes the realm: the one way in. All that is wrong with the result is reported, and then nothing is changed. The
 * sessions of clients that are disabled or removed end: it returns when every server has followed and they are revoked.
 * @param decide must not throw.
 * @param dryRun only returns what would change.
 */
export async function changeRealm(
  parts: ChangeParts,
  decide: (current: RealmData) => Decided,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<Changed> {
  let outcome: Decided = { ok: false, faults: [] }
  let before: RealmData | undefined
  const changes = await parts.realmRows.change(
    ({ data }) => {
      before = data
      outcome = checked(decide(data), parts.config)
      return outcome.ok ? outcome.realm : null
    },
    { dryRun },
  )
  const decided = outcome as Decided
  if (!decided.ok) return decided
  const { realm } = decided
  if (dryRun) return { ok: true, realm, changes, sessionsEnded: 0 }

  recordChanges(parts.audit, changes)
  const ended = endedClients(before?.clients ?? [], realm.clients)
  // A server that has not followed yet may open another session. None does for a client that was disabled before.
  if (ended.some(({ disabled }) => !disabled)) await sleep(REALM_FOLLOWED_WITHIN_MS)
  await parts.realm.refresh()
  const sessionsEnded = await endSessionsOfClients(
    parts,
    ended.map(({ id }) => id),
  )
  // A Postgres that is restored from before must be noticed: it may take a client that was disabled.
  if (changes.length > 0) await parts.rollback.count()
  return { ok: true, realm, changes, sessionsEnded }
}

function checked(decided: Decided, config: { issuer: string }): Decided {
  if (!decided.ok) return decided
  const faults = realmFaults(decided.realm, config)
  return faults.length > 0 ? { ok: false, faults } : decided
}

/** Those whose sessions are over now, as they were. */
function endedClients(before: readonly Client[], after: readonly Client[]): Client[] {
  const left = new Map(after.map((client) => [client.id, client]))
  return before.filter(({ id, disabled }) => {
    const now = left.get(id)
    return !now || (now.disabled && !disabled)
  })
}

export function recordChanges(audit: RecordEvent, changes: readonly RowChange[]): void {
  if (changes.length > MAX_EVENTS) return audit({ type: 'realm_changed', rows: changes.length })
  for (const { change, row, id, members } of changes)
    audit({ type: 'realm_changed', change, row, id, members: Object.keys(members).join(' ') })
}
