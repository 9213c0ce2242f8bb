import { expect, test } from 'vitest'
import { judgeRealmFile } from '../../../src/rules/judge-realm-file.ts'
import { parseRealmFile } from '../../../src/services/realm/read-realm-file.ts'
import { aClient, aRealm } from '../../support/realm.ts'

const HOW = { prune: false, issuer: 'http://127.0.0.1:4000' }

test.each([
  ['brackets in a client', `clients: {web: ${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
  ['braces in a resource', `resources: {api: ${'{a: '.repeat(5_000)}1${'}'.repeat(5_000)}}`],
  ['lists in a role', `roles:\n  user:\n    ${'- '.repeat(2_000)}a`],
  ['an unknown member', `other: ${'['.repeat(50)}${']'.repeat(50)}`],
  ['nothing else', '['.repeat(10_000)],
])('a realm file that nests deeply is told so, and does not end the command in a stack: %s', (_name, source) => {
  const read = parseRealmFile(source)
  if (!read.ok) return expect(read.lines).toEqual(['the file nests deeper than a realm does'])
  expect(judgeRealmFile(aRealm(aClient()), read.file.value, HOW).ok).toBe(false)
})

test.each([100, 1_000, 3_000, 10_000, 50_000])('a value of %i levels in a call is refused', (levels) => {
  let deep: unknown = []
  for (let i = 0; i < levels; i++) deep = [deep]
  for (const row of [deep, { redirect_uris: deep }, { other: deep }])
    expect(judgeRealmFile(aRealm(aClient()), { clients: { web: row } }, HOW)).toEqual({
      ok: false,
      faults: [{ path: [], text: 'nests deeper than a realm does' }],
    })
})
