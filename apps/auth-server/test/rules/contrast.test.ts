import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contrast, textOn } from '../../src/rules/contrast.ts'

const channel = fc.integer({ min: 0, max: 255 })

test('text can be read on a button of any color', () => {
  fc.assert(
    fc.property(fc.tuple(channel, channel, channel), (color) => {
      const text = textOn(color) === '#ffffff' ? ([255, 255, 255] as const) : ([0, 0, 0] as const)
      expect(contrast(text, color)).toBeGreaterThanOrEqual(4.5)
    }),
  )
})

// As webaim.org/resources/contrastchecker computes it.
test.each([
  [[255, 255, 255], [0, 0, 0], 21],
  [[255, 255, 255], [119, 119, 119], 4.48],
  [[0, 0, 255], [255, 255, 255], 8.59],
  [[0, 0, 0], [255, 213, 0], 14.79],
] as const)('the contrast of %j and %j is %d to 1', (one, other, ratio) => {
  expect(contrast(one, other)).toBeCloseTo(ratio, 1)
  expect(contrast(other, one)).toBe(contrast(one, other))
})
