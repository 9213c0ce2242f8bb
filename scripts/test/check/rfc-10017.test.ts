import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = new URL('../../../', import.meta.url)
const page = readFileSync(new URL('docs/explanation/rfc-10017.md', root), 'utf8')
const rows = page.split('\n').filter((line) => /^\| \d/.test(line))
/** A test file, and the names of tests in it. */
const NAMED = /`([\w./-]+\.test\.tsx?)` ("[^"]+"(?:, "[^"]+")*)/g

const fileOf = (name: string) => {
  const inServer = new URL(`apps/auth-server/test/${name}`, root)
  return fileURLToPath(existsSync(inServer) ? inServer : new URL(name, root))
}

test('every test that the table of RFC 10017 names is there, so that no rule loses its test unnoticed', () => {
  expect(rows.length).toBeGreaterThan(30)
  const named = rows.flatMap((row) =>
    [...row.matchAll(NAMED)].flatMap(([, file = '', names = '']) =>
      [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => ({ file, name })),
    ),
  )
  expect(named.length).toBeGreaterThan(20)
  const gone = named.filter(({ file, name }) => !readFileSync(fileOf(file), 'utf8').includes(name))
  expect(gone).toEqual([])
})

test('each rule has a test, or says why not', () => {
  const bare = rows.filter(
    (row) => !/\.test\.ts|\bnot\b|\bas (?:above|6\.)|the same|see below/.test(row.split('|')[4] ?? ''),
  )
  expect(bare).toEqual([])
})
