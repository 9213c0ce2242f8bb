import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { judgeRealmFile } from '../../src/rules/judge-realm-file.ts'
import type { RealmData } from '../../src/rules/realm.ts'
import { changesBetween } from '../../src/rules/realm-changes.ts'
import { toFile } from '../../src/rules/realm-file-data.ts'
import { NO_REALM, exampleRealm } from '../support/example-realm.ts'

function realmAfter(current: RealmData, file: unknown, prune = false): RealmData {
  const judged = judgeRealmFile(current, file, { prune, issuer: 'https://auth.example' })
  if (!judged.ok) throw new Error(JSON.stringify(judged.faults))
  return judged.realm
}

const GUIDE = new URL('../../../../docs/guide/realm.md', import.meta.url)
const ofGuide = (): unknown => parse(/```yaml\n([^]*?)```/.exec(readFileSync(GUIDE, 'utf8'))?.[1] ?? '')

const SECRETS = ['a'.repeat(64), 'b'.repeat(64)]
const EVERYTHING = {
  resources: { api: { name: 'API', scopes: { write: 'Write', read: 'Read' }, access_token_ttl_seconds: 60 } },
  roles: { user: ['read'], admin: ['read', 'write'] },
  default_roles: ['user'],
  clients: {
    app: {
      name: 'App',
      auth: 'client_secret_post',
      secret_sha256: SECRETS,
      redirect_uris: ['https://app.example/back'],
      grants: ['authorization_code', 'client_credentials'],
      resources: ['api', 'auth-server'],
      scopes: ['read'],
      origins: ['https://app.example'],
      first_party: true,
      disabled: true,
      access_token_ttl_seconds: 1,
      refresh_idle_ttl_seconds: 2,
      refresh_absolute_ttl_seconds: 3,
      refresh_grace_seconds: 0,
      refresh_late_repeat_gap: 'off',
    },
  },
}

test.each([
  ['the guide', ofGuide()],
  ['the example', toFile(exampleRealm())],
  ['a file with every member', EVERYTHING],
])('what %s describes is exported and comes back as it was', (_name, file) => {
  const realm = realmAfter(NO_REALM, file, true)
  expect(realmAfter(NO_REALM, toFile(realm), true)).toEqual(realm)
  expect(changesBetween(realm, realmAfter(realm, toFile(realm)))).toEqual([])
})

describe('a row that is applied', () => {
  const before = realmAfter(NO_REALM, EVERYTHING, true)
  const app = (realm: RealmData) => realm.clients.find(({ id }) => id === 'app')

  test('takes the place of the whole row, but keeps secrets, the block, and when its sessions ended', () => {
    const ended = { ...before, clients: before.clients.map((client) => ({ ...client, endedBefore: 7 })) }
    const after = realmAfter(ended, { clients: { app: { auth: 'client_secret_basic', resources: ['api'] } } })
    expect(app(after)).toEqual({
      id: 'app',
      name: 'app',
      auth: 'client_secret_basic',
      secretHashes: SECRETS,
      redirectUris: [],
      grants: ['authorization_code', 'refresh_token'],
      resources: ['api'],
      scopes: ['write', 'read'],
      origins: [],
      firstParty: false,
      policy: {
        accessTokenTtlSeconds: null,
        refreshIdleTtlSeconds: null,
        refreshAbsoluteTtlSeconds: null,
        refreshGraceSeconds: null,
        refreshLateRepeatGap: null,
      },
      disabled: true,
      endedBefore: 7,
    })
  })

  test('a client that becomes public has no secret any more, and one for machines gets no scope by itself', () => {
    expect(app(realmAfter(before, { clients: { app: { auth: 'none' } } }))?.secretHashes).toEqual([])
    const machine = { auth: 'client_secret_basic', grants: ['client_credentials'], resources: ['api'] }
    expect(app(realmAfter(before, { clients: { app: machine } }))?.scopes).toEqual([])
  })

  test('rows and defaults that are not in the file stay without prune, and go with it', () => {
    const file = { clients: { other: {} } }
    const kept = realmAfter(before, file)
    expect(kept.clients.map(({ id }) => id)).toEqual(['app', 'other'])
    expect([kept.roles, kept.resources, kept.defaultRoles]).toEqual([
      before.roles,
      before.resources,
      before.defaultRoles,
    ])
    expect(realmAfter(before, file, true)).toMatchObject({
      resources: [],
      roles: [],
      clients: [{ id: 'other' }],
      defaultRoles: [],
    })
  })

  test('the order of scopes is a change: a consent page shows it', () => {
    const scopes = { read: 'Read', write: 'Write' }
    const after = realmAfter(before, { resources: { api: { ...EVERYTHING.resources.api, scopes } } })
    expect(changesBetween(before, after)).toMatchObject([{ change: 'changed', row: 'resource', id: 'api' }])
  })
})

test.each(['__proto__', 'constructor', 'toString'])('%s is a name like any other', (name) => {
  const file = JSON.parse(`{"roles": {"${name}": []}, "default_roles": ["${name}"]}`)
  const realm = realmAfter(NO_REALM, file)
  expect(realm.roles).toEqual([{ name, scopes: [] }])
  expect(realmAfter(NO_REALM, toFile(realm))).toEqual(realm)
})
