import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Doorkeeper } from '../src/doorkeeper.ts'

it('has seen every number that it was shown just before', () => {
  const doorkeeper = new Doorkeeper()
  fc.assert(
    fc.property(fc.integer(), (number) => {
      doorkeeper.hasSeen(number)
      expect(doorkeeper.hasSeen(number)).toBe(true)
    }),
  )
})

it('distinguishes numbers that share no bit, negative ones too', () => {
  const doorkeeper = new Doorkeeper()
  for (const number of [0, 1, 7, 8, 2 ** 18 - 2, -1]) expect(doorkeeper.hasSeen(number)).toBe(false)
  // 18 bits count.
  expect(doorkeeper.hasSeen(2 ** 18)).toBe(true)
})

it('forgets after 65,536 new numbers, so that it never takes everything for known', () => {
  const doorkeeper = new Doorkeeper()
  for (let number = 0; number < 65_536; number++) doorkeeper.hasSeen(number)
  expect(doorkeeper.hasSeen(0)).toBe(true)
  expect(doorkeeper.hasSeen(65_536)).toBe(false)
  expect(doorkeeper.hasSeen(0)).toBe(false)
})
