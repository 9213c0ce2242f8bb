import { expect, test } from 'vitest'
import {
  accessTokenTtlSeconds,
  longestAccessTokenTtlSeconds,
  longestIdleMs,
  policyOf,
} from '../../src/rules/client-policy.ts'
import { type Client, realmOf } from '../../src/rules/realm.ts'
import { SETTINGS_ALONE, aClient, aRealm, aResource } from '../support/realm.ts'

const SETTINGS = {
  accessTokenTtlSeconds: 900,
  refreshAbsoluteTtlMs: 30_000,
  refreshPolicy: { idleMs: 5_000, graceMs: 1_000, lateRepeatGap: 8 },
}
const OWN = aClient({
  id: 'own',
  policy: {
    accessTokenTtlSeconds: 60,
    refreshIdleTtlSeconds: 2,
    refreshAbsoluteTtlSeconds: 10,
    refreshGraceSeconds: 0,
    refreshLateRepeatGap: 'off',
  },
  endedBefore: 77,
})
const REALM = realmOf(
  aRealm(aClient(), OWN, aClient({ id: 'off', disabled: true, endedBefore: 5 }), aClient({ id: 'app' })),
)
const DEFAULTS = { idleMs: 5_000, graceMs: 1_000, lateRepeatGap: 8, absoluteMs: 30_000 }

test.each([
  ['the settings, if the client says nothing', 'web', { ...DEFAULTS, endedBefore: 0 }],
  [
    'what the client says, also zero and off',
    'own',
    { idleMs: 2_000, graceMs: 0, lateRepeatGap: null, absoluteMs: 10_000, endedBefore: 77 },
  ],
  ['no live session of a disabled client', 'off', { ...DEFAULTS, endedBefore: Infinity }],
  ['no live session of a client that is gone', 'gone', { ...DEFAULTS, endedBefore: Infinity }],
])('the policy is %s', (_, id, policy) => {
  expect(policyOf(REALM, id, SETTINGS)).toEqual(policy)
})

test('no session is looked for that is idle for longer than any client allows', () => {
  expect(longestIdleMs(REALM, SETTINGS)).toBe(5_000)
  const patient = aClient({ policy: { ...SETTINGS_ALONE, refreshIdleTtlSeconds: 77 } })
  expect(longestIdleMs(realmOf(aRealm(OWN, patient)), SETTINGS)).toBe(77_000)
})

test('an access token lives as long as the shortest of its client and its resources', () => {
  const { resources } = aRealm()
  const brief = { ...aResource('brief'), accessTokenTtlSeconds: 30 }
  const long = { ...aResource('long'), accessTokenTtlSeconds: 5_000 }
  const realm = realmOf({ ...aRealm(aClient(), OWN), resources: [...resources, brief, long] })
  const ttl = (id: string, ...asked: string[]) =>
    accessTokenTtlSeconds(realm, realm.clients.get(id) as Client, asked, SETTINGS)
  expect([ttl('web', 'files'), ttl('web', 'files', 'brief'), ttl('web', 'long'), ttl('own', 'files')]).toEqual([
    900, 30, 900, 60,
  ])
})

test('no client can get a token that outlives the keys', () => {
  const patient = aClient({ id: 'patient', policy: { ...SETTINGS_ALONE, accessTokenTtlSeconds: 3_600 } })
  expect(longestAccessTokenTtlSeconds(REALM, SETTINGS)).toBe(900)
  expect(longestAccessTokenTtlSeconds(realmOf(aRealm(OWN, patient)), SETTINGS)).toBe(3_600)
})
