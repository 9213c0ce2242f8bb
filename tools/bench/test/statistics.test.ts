import { expect, it } from 'vitest'
import { medianInterval } from '../src/statistics.ts'

it.each([
  [5, [-Infinity, Infinity]],
  [6, [1, 6]],
  [12, [3, 10]],
  [40, [14, 27]],
  // Ranks from tables of the sign test.
])('the interval of the median of %i values lies between two of them', (count, interval) => {
  expect(medianInterval(Array.from({ length: count }, (_, i) => count - i))).toEqual(interval)
})
