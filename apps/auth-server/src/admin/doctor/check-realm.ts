import { readFileSync } from 'node:fs'
import type { Config } from '../../config.ts'
import type { Database } from '../../postgres/database.ts'
import { judgeRealmFile } from '../../rules/judge-realm-file.ts'
import type { RealmData } from '../../rules/realm.ts'
import { changesBetween } from '../../rules/realm-changes.ts'
import { realmFaults } from '../../rules/realm-faults.ts'
import { realmWarnings } from '../../rules/realm-warnings.ts'
import { isEmptyRealm } from '../../services/realm/first-realm.ts'
import { faultLines, parseRealmFile } from '../../services/realm/read-realm-file.ts'
import { RealmRows } from '../../stores/realm-rows.ts'
import { reasonOf } from '../../connection/store-unavailable.ts'
import type { Finding } from './finding.ts'

const APPLY = '`npm run admin -- realm apply FILE`'
/** Rows or faults that one line names. */
const MAX_NAMED = 5

/** Reads only. @param database whose schema is that of this version. */
export async function checkRealm(database: Database, config: Pick<Config, 'issuer' | 'realmFile'>): Promise<Finding[]> {
  const finding = (level: Finding['level'], cause: string, cure: string): Finding => ({
    level,
    check: 'realm',
    cause,
    cure,
  })
  let realm: RealmData
  try {
    const read = await new RealmRows(database).readUnless(null)
    if (!read) return [finding('broken', 'The table `realm` has lost its one row', 'Restore it from a backup.')]
    realm = read.data
    if (isEmptyRealm(realm) && config.realmFile === undefined && !read.predatesRealm)
      return [finding('broken', 'The realm is empty, so nobody can log in', `Set REALM_FILE, or run ${APPLY}.`)]
  } catch (error) {
    return [finding('broken', reasonOf(error), 'See the log of Postgres.')]
  }
  const faults = faultLines(realmFaults(realm, config))
  const findings = faults.map((line) =>
    finding('warning', `The realm has a fault that no command would accept: ${line}`, `Correct it by ${APPLY}.`),
  )
  for (const line of faultLines(realmWarnings(realm, config.issuer)).slice(0, MAX_NAMED))
    findings.push(finding('warning', `In the realm, ${line}`, `Use the code flow there, or correct it by ${APPLY}.`))
  return config.realmFile === undefined
    ? findings
    : [...findings, ...checkFile(config.realmFile, realm, config, finding)]
}

/** The file of the settings is only read while the realm is empty, so it is easily left behind. */
function checkFile(
  path: string,
  realm: RealmData,
  { issuer }: { issuer: string },
  finding: (level: Finding['level'], cause: string, cure: string) => Finding,
): Finding[] {
  const wrong = (lines: readonly string[]) =>
    lines
      .slice(0, MAX_NAMED)
      .map((line) => finding(isEmptyRealm(realm) ? 'broken' : 'warning', `REALM_FILE: ${line}`, 'Correct the file.'))
  let source: string
  try {
    source = readFileSync(path, 'utf8')
  } catch (error) {
    return wrong([(error as Error).message])
  }
  const parsed = parseRealmFile(source)
  if (!parsed.ok) return wrong(parsed.lines)
  const judged = judgeRealmFile(realm, parsed.file.value, { prune: true, issuer })
  if (!judged.ok) return wrong(faultLines(judged.faults, { ...parsed.file, name: path }))
  const changes = changesBetween(realm, judged.realm).map(({ row, id }) => (row === 'realm' ? row : `${row} ${id}`))
  if (changes.length === 0) return []
  const named = changes.slice(0, MAX_NAMED).join(', ') + (changes.length > MAX_NAMED ? ', …' : '')
  return isEmptyRealm(realm)
    ? [finding('note', 'The realm is empty, and the next server that starts fills it', 'There is nothing to do.')]
    : [
        finding(
          'note',
          `REALM_FILE differs from the realm in ${changes.length} rows: ${named}`,
          `It fills only an empty realm. \`realm apply ${path} --prune --dry-run\` shows what it would change; \`realm export\` shows the current realm.`,
        ),
      ]
}
