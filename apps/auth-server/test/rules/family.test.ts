import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type FamilyState, EMPTY_STATE, endOf, keptUntil, merge } from '../../src/rules/family.ts'
import { aGrant } from '../support/grant.ts'

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
  ['when its client was disabled after it was opened, although it is used', { redeemedAt: 8_500, endedBefore: 101 }, 0],
  ['as ever, if its client was disabled before it was opened', { redeemedAt: 500, endedBefore: 100 }, 1_500],
  [
    'once it is revoked, whatever the clocks say',
    { redeemedAt: 500, revoked: { at: 8_000, reason: 'logout' as const } },
    0,
  ],
])('a session ends %s', (_name, { endedBefore = 0, ...changes }: { endedBefore?: number; redeemedAt: number }, end) => {
  const family = { createdAt: 100, expiresAt: 9_000, revoked: null, parent: null, redeemed: 0, ...changes }
  expect(endOf(family, { idleMs: 1_000, endedBefore })).toBe(end)
})

const OPENED = { ...aGrant({ createdAt: 0, expiresAt: 10_000_000_000, parent: 'S' }), ...EMPTY_STATE, redeemedAt: 0 }

test.each([
  ['is over after a minute, if nobody redeems it', OPENED, 60_000],
  ['is a session once it is redeemed', { ...OPENED, redeemed: 1, redeemedAt: 50_000 }, 5_050_000],
  ['is over sooner, if its session would be', { ...OPENED, expiresAt: 20_000 }, 20_000],
])('an authorization code %s', (_name, family, end) => {
  expect(endOf(family, { idleMs: 5_000_000, endedBefore: 0 })).toBe(end)
})

test('the stores keep a code that nobody redeems for half an hour, and a session to its end', () => {
  expect(keptUntil(OPENED)).toBe(1_800_000)
  expect(keptUntil({ ...OPENED, expiresAt: 5_000 })).toBe(5_000)
  for (const session of [
    { ...OPENED, redeemed: 1 },
    { ...OPENED, parent: null },
  ])
    expect(keptUntil(session)).toBe(OPENED.expiresAt)
})
