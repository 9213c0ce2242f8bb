import { expect, test } from 'vitest'
import { takesGzip } from '../../src/routes/status.ts'

test.each<[string | undefined, boolean]>([
  [undefined, false],
  ['', false],
  ['gzip', true],
  ['br, GZIP;q=0.5', true],
  ['gzip ; q=0.001 , br', true],
  ['gzip;q=1.000', true],
  ['gzip;q=0', false],
  ['gzip;q=0.000, br', false],
  ['gzip;q=', false],
  ['xgzip', false],
])('a list is sent compressed only to who takes it: %s', (accepted, takes) => expect(takesGzip(accepted)).toBe(takes))

// By the square of its length, it would take minutes.
test('no header keeps the server from its other clients', () => {
  expect(takesGzip(`gzip;q=${'0'.repeat(200_000)}x`)).toBe(false)
})
