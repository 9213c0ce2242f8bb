import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { judgeRealmFile } from '../../src/rules/judge-realm-file.ts'
import type { RealmData } from '../../src/rules/realm.ts'

/** The file of the realm that tests of the server work with: what a server has as REALM_FILE. */
export const EXAMPLE_REALM = fileURLToPath(new URL('../../../../realm.example.yaml', import.meta.url))

export const NO_REALM: RealmData = { resources: [], roles: [], clients: [], defaultClient: null, defaultRoles: [] }

/** The realm of that file. */
export function exampleRealm(): RealmData {
  const file: unknown = parse(readFileSync(EXAMPLE_REALM, 'utf8'))
  const judged = judgeRealmFile(NO_REALM, file, { prune: true, issuer: 'http://127.0.0.1:4000' })
  if (!judged.ok) throw new Error(JSON.stringify(judged.faults))
  return judged.realm
}
