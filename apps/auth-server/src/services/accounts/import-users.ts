import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailable } from '../../connection/store-unavailable.ts'
import type { RealmSource } from '../../rules/realm.ts'
import type { Accounts } from '../../stores/accounts.ts'
import type { RecordEvent } from '../security-event.ts'
import type { ImportedUser } from '../../stores/imported-users.ts'
import { importedUser } from './imported-user.ts'

interface ImportParts {
  realm: RealmSource
  accounts: Pick<Accounts, 'import'>
  audit: RecordEvent
}

/** A line of a file, by its number from 1. Null: it is too long, or not UTF-8. */
export interface Line {
  number: number
  text: string | null
}

export interface Imported {
  imported: number
  /** Lines of users whom an earlier run imported. Nothing was changed. */
  imported_before: number
  refused: number
}

/** Users in one statement. It is short enough for the limit on statements. */
const BATCH = 500
/** How long an import waits for a Postgres that does not answer. */
const PATIENCE_MS = 30_000

/**
 * Imports a user for each line. What cannot be imported is refused by itself, and the others are imported. No hash is computed,
 * and no more than a batch is in memory. After an interruption, run it again with the same lines.
 * @param onRefused called for each line that is refused, with a sentence about it.
 * @throws StoreUnavailable if Postgres does not answer for half a minute.
 */
export async function importUsers(
  { realm, accounts, audit }: ImportParts,
  lines: AsyncIterable<Line>,
  onRefused: (line: number, fault: string) => Promise<void>,
  onProgress: (sofar: Imported) => void,
): Promise<Imported> {
  const counts: Imported = { imported: 0, imported_before: 0, refused: 0 }
  const { roles, defaultRoles } = realm.current()
  const refuse = (line: number, fault: string) => {
    counts.refused++
    return onRefused(line, fault)
  }
  const importBatch = async (batch: Map<number, ImportedUser>) => {
    const users = [...batch.values()]
    const outcomes = await patiently(() => accounts.import(users, [...defaultRoles]))
    for (const [i, [line, user]] of [...batch].entries()) {
      const outcome = outcomes[i]
      if (outcome === 'imported' || outcome === 'imported_before') counts[outcome]++
      else await refuse(line, `${FAULTS[outcome ?? 'exists']}: ${JSON.stringify(user.username)}`)
    }
    onProgress(counts)
  }

  let batch = new Map<number, ImportedUser>()
  try {
    for await (const { number, text } of lines) {
      if (text?.trim() === '') continue
      const read = text === null ? UNREADABLE : importedUser(text, (name) => roles.has(name))
      if (!read.ok) await refuse(number, read.fault)
      else if (batch.set(number, read.user).size === BATCH) {
        await importBatch(batch)
        batch = new Map()
      }
    }
    if (batch.size > 0) await importBatch(batch)
  } finally {
    if (counts.imported > 0) audit({ type: 'users_imported', users: counts.imported })
  }
  return counts
}

const UNREADABLE = { ok: false, fault: 'is longer than 64 KiB, or not UTF-8' } as const

const FAULTS = {
  exists: 'there is a user of this name or id already, who was not imported',
  deleted: 'the user of this id was deleted; without the id, the line makes another user',
  imported_otherwise: 'the user was imported already, from a line with other data',
}

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(500)) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || Date.now() > deadline) throw error
    }
  }
}
