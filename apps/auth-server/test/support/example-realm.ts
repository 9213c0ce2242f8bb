import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { judgeRealmFile } from '../../src/rules/judge-realm-file.ts'
import type { RealmData } from '../../src/rules/realm.ts'

export const NO_REALM: RealmData = { resources: [], roles: [], clients: [], defaultClient: null, defaultRoles: [] }

/** The realm that the servers of tests have. */
export function exampleRealm(): RealmData {
  const file: unknown = parse(readFileSync(new URL('../../../../realm.example.yaml', import.meta.url), 'utf8'))
  const judged = judgeRealmFile(NO_REALM, file, { prune: true, issuer: 'http://127.0.0.1:4000' })
  if (!judged.ok) throw new Error(JSON.stringify(judged.faults))
  return judged.realm
}
