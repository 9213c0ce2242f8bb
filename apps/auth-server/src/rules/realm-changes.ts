import type { RealmData } from './realm.ts'
import { toFile } from './realm-file-data.ts'

/** What one row becomes. Its members have the names and the values of a realm file; null is a member that is left out. */
export interface RowChange {
  change: 'added' | 'changed' | 'removed'
  row: 'resource' | 'role' | 'client' | 'realm'
  id: string
  members: Record<string, { from: unknown; to: unknown }>
}

/** What makes the second realm of the first one. Empty if they are the same. */
export function changesBetween(before: RealmData, after: RealmData): RowChange[] {
  const [old, next] = [rowsOf(before), rowsOf(after)]
  const changes: RowChange[] = []
  for (const [key, { row, id, members }] of next) {
    const known = old.get(key)
    const changed = membersBetween(known?.members ?? {}, members)
    if (!known) changes.push({ change: 'added', row, id, members: changed })
    else if (Object.keys(changed).length > 0) changes.push({ change: 'changed', row, id, members: changed })
  }
  for (const [key, { row, id, members }] of old)
    if (!next.has(key)) changes.push({ change: 'removed', row, id, members: membersBetween(members, {}) })
  return changes
}

interface NamedRow extends Pick<RowChange, 'row' | 'id'> {
  members: Record<string, unknown>
}

function rowsOf(realm: RealmData): Map<string, NamedRow> {
  const { resources = {}, roles = {}, clients = {}, ...rest } = toFile(realm)
  const rows: NamedRow[] = [
    ...Object.entries(resources).map(([id, members]) => ({ row: 'resource' as const, id, members })),
    ...Object.entries(roles).map(([id, scopes]) => ({ row: 'role' as const, id, members: { scopes } })),
    ...Object.entries(clients).map(([id, members]) => ({ row: 'client' as const, id, members })),
    { row: 'realm', id: 'realm', members: rest },
  ]
  return new Map(rows.map((one) => [`${one.row} ${one.id}`, one]))
}

/** The order of scopes counts: it is that of a consent page. */
function membersBetween(before: Record<string, unknown>, after: Record<string, unknown>): RowChange['members'] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return Object.fromEntries(
    names
      .map((name) => [name, { from: before[name] ?? null, to: after[name] ?? null }] as const)
      .filter(([, { from, to }]) => JSON.stringify(from) !== JSON.stringify(to)),
  )
}
