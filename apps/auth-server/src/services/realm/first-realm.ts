import { readFileSync } from 'node:fs'
import { SettingsError } from '@heirloom/http-service'
import type { Logger } from 'pino'
import { judgeRealmFile } from '../../rules/judge-realm-file.ts'
import type { RealmData } from '../../rules/realm.ts'
import type { RealmRows } from '../../stores/realm-rows.ts'
import type { RecordEvent } from '../security-event.ts'
import { recordChanges } from './change-realm.ts'
import { faultLines, parseRealmFile } from './read-realm-file.ts'

/** The realm of `npm start`. Databases from before the realm had its roles and scopes built in. */
const EXAMPLE = new URL('../../../../../realm.example.yaml', import.meta.url)

/** The settings that named the resource and the clients before there was a realm. */
export interface RetiredSettings {
  audience: string | undefined
  clientIds: readonly string[] | undefined
}

interface FirstRealmParts {
  config: { issuer: string; realmFile: string | undefined; retired: RetiredSettings }
  realmRows: Pick<RealmRows, 'readUnless' | 'change'>
  audit: RecordEvent
  log: Pick<Logger, 'info'>
}

export const isEmptyRealm = ({ resources, roles, clients }: RealmData): boolean =>
  resources.length + roles.length + clients.length === 0

/**
 * Fills an empty realm: from `REALM_FILE`, or from the retired settings if the database was served by them. Servers that
 * start together make one realm. @throws SettingsError if the file is needed and has faults.
 */
export async function makeFirstRealm({ config, realmRows, audit, log }: FirstRealmParts): Promise<void> {
  const read = await realmRows.readUnless(null)
  if (!read || !isEmptyRealm(read.data)) return
  const { realmFile, retired } = config
  const isRetiredSet = retired.audience !== undefined || retired.clientIds !== undefined
  const byRetired = read.predatesRealm && (isRetiredSet || realmFile === undefined)
  if (!byRetired && realmFile === undefined) return

  const first = byRetired
    ? realmOfRetired(readFile(EXAMPLE, 'realm.example.yaml', config), retired)
    : readFile(realmFile ?? '', realmFile ?? '', config)
  const changes = await realmRows.change(({ data }) => (isEmptyRealm(data) ? first : null))
  if (changes.length === 0) return
  recordChanges(audit, changes)
  log.info({ rows: changes.length }, `the realm was made from ${byRetired ? 'AUDIENCE and CLIENT_IDS' : realmFile}`)
}

const NOTHING: RealmData = { resources: [], roles: [], clients: [], defaultClient: null, defaultRoles: [] }

function readFile(path: string | URL, name: string, { issuer }: { issuer: string }): RealmData {
  const wrong = (lines: readonly string[]) => new SettingsError(lines.map((line) => `REALM_FILE ${line}`))
  let source: string
  try {
    source = readFileSync(path, 'utf8')
  } catch (error) {
    throw wrong([`cannot be read: ${(error as Error).message}`])
  }
  const parsed = parseRealmFile(source)
  if (!parsed.ok) throw wrong(parsed.lines.map((line) => `${name}: ${line}`))
  const judged = judgeRealmFile(NOTHING, parsed.file.value, { prune: true, issuer })
  if (!judged.ok) throw wrong(faultLines(judged.faults, { ...parsed.file, name }))
  return judged.realm
}

/** The example's realm with the resource and the clients that these settings name. */
function realmOfRetired(example: RealmData, { audience, clientIds }: RetiredSettings): RealmData {
  const [from = 'resource-api'] = example.resources.map(({ id }) => id)
  const to = audience ?? from
  const ids = clientIds ?? example.clients.map(({ id }) => id)
  return {
    ...example,
    resources: example.resources.map((resource) => ({ ...resource, id: to })),
    clients: ids.flatMap((id) =>
      example.clients.slice(0, 1).map((client) => ({
        ...client,
        id,
        name: id,
        resources: client.resources.map((resource) => (resource === from ? to : resource)),
      })),
    ),
    defaultClient: ids[0] ?? null,
  }
}
