import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type FamilyState, EMPTY_STATE, merge } from '../../src/rules/family.ts'

const small = fc.integer({ min: 0, max: 4 })
const marks: fc.Arbitrary<FamilyState> = fc.record({
  redeemed: small,
  redeemedAt: small,
  lateRepeated: fc.option(fc.integer({ min: 1, max: 4 })),
  revoked: fc.option(fc.record({ at: small, reason: fc.constantFrom('logout' as const, 'reuse' as const) })),
})

test('merging is a join: in any order, in any grouping, any number of times', () => {
  fc.assert(
    fc.property(marks, marks, marks, (a, b, c) => {
      expect(merge(a, b)).toEqual(merge(b, a))
      expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)))
      expect(merge(a, a)).toEqual(a)
      expect(merge(a, EMPTY_STATE)).toEqual(a)
    }),
  )
})
