import { setTimeout as sleep } from 'node:timers/promises'
import type { RealmData } from '../../rules/realm.ts'
import type { RowChange } from '../../rules/realm-changes.ts'
import type { RollbackDetector } from '../../replication/rollback-detector.ts'
import { realmFaults } from '../../rules/realm-faults.ts'
import type { RealmFault } from '../../rules/realm-file.ts'
import type { ReadRealm, RealmRows } from '../../stores/realm-rows.ts'
import type { RecordEvent } from '../security-event.ts'
import { type EndClientsParts, endSessionsOfClients } from './end-sessions-of-clients.ts'
import { REALM_FOLLOWED_WITHIN_MS, type RealmKeeper } from './realm-keeper.ts'

export type ChangeParts = EndClientsParts & {
  config: { issuer: string }
  realm: Pick<RealmKeeper, 'refresh'>
  realmRows: Pick<RealmRows, 'change' | 'readUnless' | 'haveEnded'>
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
 * sessions of clients that are disabled or removed end: it returns when every server has followed and they are revoked. A
 * client is removed after that. So if this is interrupted, the next change ends the sessions that are left.
 * @param decide must not throw.
 * @param dryRun only returns what would change.
 */
export async function changeRealm(
  parts: ChangeParts,
  decide: (current: RealmData) => Decided,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<Changed> {
  for (let sessionsEnded = 0; ;) {
    let outcome: Decided = { ok: false, faults: [] }
    let isWhole = true
    const changes = await parts.realmRows.change(
      ({ data, ending }) => {
        outcome = checked(decide(data), parts.config)
        if (!outcome.ok) return null
        const leaving = clientsLeaving(data, outcome.realm, ending)
        isWhole = dryRun || leaving.size === 0
        return isWhole ? outcome.realm : withDisabled(data, leaving)
      },
      { dryRun },
    )
    const decided = outcome as Decided
    if (!decided.ok) return decided
    const { realm } = decided
    if (dryRun) return { ok: true, realm, changes, sessionsEnded: 0 }

    recordChanges(parts.audit, changes)
    sessionsEnded += await endSessions(parts)
    // A Postgres that is restored from before must be noticed: it may take a client that was disabled.
    if (changes.length > 0) await parts.rollback.count()
    if (isWhole) return { ok: true, realm, changes, sessionsEnded }
  }
}

/** The ids of clients that the change removes and whose sessions have to end first. */
function clientsLeaving(before: RealmData, after: RealmData, ending: ReadRealm['ending']): Set<string> {
  const [kept, unended] = [new Set(after.clients.map(({ id }) => id)), new Set(ending.map(({ id }) => id))]
  const leaving = before.clients.filter(({ id, disabled }) => !kept.has(id) && (!disabled || unended.has(id)))
  return new Set(leaving.map(({ id }) => id))
}

const withDisabled = (realm: RealmData, ids: ReadonlySet<string>): RealmData => ({
  ...realm,
  clients: realm.clients.map((client) => (ids.has(client.id) ? { ...client, disabled: true } : client)),
})

/** Revokes what is left of the sessions of clients that were disabled, also by a command that was interrupted. */
async function endSessions(parts: ChangeParts): Promise<number> {
  const { ending = [] } = (await parts.realmRows.readUnless(null)) ?? {}
  // A server that has not followed yet may open another session.
  if (ending.length > 0) await sleep(REALM_FOLLOWED_WITHIN_MS)
  await parts.realm.refresh()
  const ids = ending.map(({ id }) => id)
  const ended = await endSessionsOfClients(parts, ids)
  await parts.realmRows.haveEnded(ending)
  return ended
}

function checked(decided: Decided, config: { issuer: string }): Decided {
  if (!decided.ok) return decided
  const faults = realmFaults(decided.realm, config)
  return faults.length > 0 ? { ok: false, faults } : decided
}

export function recordChanges(audit: RecordEvent, changes: readonly RowChange[]): void {
  if (changes.length > MAX_EVENTS) return audit({ type: 'realm_changed', rows: changes.length })
  for (const { change, row, id, members } of changes)
    audit({ type: 'realm_changed', change, row, id, members: Object.keys(members).join(' ') })
}
