import { expect, it } from 'vitest'
import { mannWhitney, medianInterval } from '../src/statistics.ts'

it.each([
  [5, [-Infinity, Infinity]],
  [6, [1, 6]],
  [12, [3, 10]],
  [40, [14, 27]],
  // Ranks from tables of the sign test.
])('the interval of the median of %i values lies between two of them', (count, interval) => {
  expect(medianInterval(Array.from({ length: count }, (_, i) => count - i))).toEqual(interval)
})

it('two samples of one kind are not told apart, and two of different kinds are', () => {
  // The example of scipy.stats.mannwhitneyu, without the continuity correction.
  const known = mannWhitney([19, 22, 16, 29, 24], [20, 11, 17, 12])
  expect(known.share).toBeCloseTo(17 / 20, 10)
  expect(known.p).toBeCloseTo(0.0864107, 6)
  expect(mannWhitney([1, 1, 1], [1, 1, 1])).toEqual({ share: 0.5, p: expect.closeTo(1, 6) })
  const rising = Array.from({ length: 400 }, (_, i) => i)
  expect(mannWhitney(rising, rising).share).toBe(0.5)
  expect(
    mannWhitney(
      rising.map((value) => value + 100),
      rising,
    ).p,
  ).toBeLessThan(1e-10)
})
