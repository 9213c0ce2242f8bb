import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type FamilyState, EMPTY_STATE, endOf, merge } from '../../src/rules/family.ts'

const small = fc.integer({ min: 0, max: 4 })
const state: fc.Arbitrary<FamilyState> = fc.record({
  redeemed: small,
  redeemedAt: small,
  lateRepeated: fc.option(fc.integer({ min: 1, max: 4 })),
  revoked: fc.option(fc.record({ at: small, reason: fc.constantFrom('logout' as const, 'reuse' as const) })),
})

test('merging is a join: in any order, in any grouping, any number of times', () => {
  fc.assert(
    fc.property(state, state, state, (a, b, c) => {
      expect(merge(a, b)).toEqual(merge(b, a))
      expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)))
      expect(merge(a, a)).toEqual(a)
      expect(merge(a, EMPTY_STATE)).toEqual(a)
    }),
  )
})

test.each([
  ['when it is idle, before its absolute end', { redeemedAt: 500 }, 1_500],
  ['at its absolute end', { redeemedAt: 8_500 }, 9_000],
  [
    'once it is revoked, whatever the clocks say',
    { redeemedAt: 500, revoked: { at: 8_000, reason: 'logout' as const } },
    0,
  ],
])('a session ends %s', (_name, changes, end) => {
  expect(endOf({ expiresAt: 9_000, revoked: null, ...changes }, { idleMs: 1_000 })).toBe(end)
})
