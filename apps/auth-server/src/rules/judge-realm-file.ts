import { isDeeper } from './is-deeper.ts'
import type { RealmData } from './realm.ts'
import { realmFaults } from './realm-faults.ts'
import { type RealmFault, type RealmFile, shapeFaults } from './realm-file.ts'
import { applyFile } from './realm-file-data.ts'

export type Judged = { ok: true; realm: RealmData } | { ok: false; faults: readonly RealmFault[] }

export const NESTS_TOO_DEEP = 'nests deeper than a realm does'
/** Of the file itself, a table, a row, a member and its values. */
const MAX_LEVELS = 8

/** What a file makes of the present realm; or everything that is wrong with it. @param file of any form, as it was parsed. */
export function judgeRealmFile(current: RealmData, file: unknown, how: { prune: boolean; issuer: string }): Judged {
  // First: what comes next would exhaust the stack.
  if (isDeeper(file, MAX_LEVELS)) return { ok: false, faults: [{ path: [], text: NESTS_TOO_DEEP }] }
  const ofShape = shapeFaults(file)
  // The rest is judged too. But what refers to a row, or is in one, with a bad value is not: that may be right.
  const realm = applyFile(current, soundPart(file, ofShape), how)
  const bad = ofShape.filter(isOfValue)
  const ofRules = realmFaults(realm, how).filter(
    ({ path, refersTo = path }) => !bad.some((one) => isSameRow(one.path, path) || isSameRow(one.path, refersTo)),
  )
  const faults = [...ofShape, ...ofRules]
  return faults.length > 0 ? { ok: false, faults } : { ok: true, realm }
}

const isOfValue = ({ text }: RealmFault) => !text.startsWith('is unknown')

const isSameRow = (a: RealmFault['path'], b: RealmFault['path']) =>
  a.length === 0 || (a[0] === b[0] && (a.length === 1 || b.length === 1 || a[1] === b[1]))

/** Without the members that have a fault. */
function soundPart(file: unknown, faults: readonly RealmFault[]): RealmFile {
  if (faults.some(({ path }) => path.length === 0)) return {}
  const sound = structuredClone(file) as Record<string, Record<string, Record<string, unknown>>>
  for (const { path } of faults) {
    const [table = '', id, member] = path.map(String)
    const rows = sound[table]
    const row = id === undefined ? undefined : rows?.[id]
    if (rows && id !== undefined) {
      if (row && member !== undefined && !Array.isArray(row)) delete row[member]
      else delete rows[id]
    } else delete sound[table]
  }
  for (const row of Object.values(sound['resources'] ?? {})) row['scopes'] ??= {}
  return sound
}
