import { expect, test } from 'vitest'
import { tooManyAttempts } from '../../src/services/refusal.ts'

test.each([
  [1, '1 second'],
  [2, '2 seconds'],
  [119, '119 seconds'],
  [120, '2 minutes'],
  [841, '15 minutes'],
])('a user who must wait reads how long: %d s is %s', (seconds, words) => {
  expect(tooManyAttempts(seconds)).toMatchObject({
    description: `Too many attempts. Try again in ${words}.`,
    retryAfterSeconds: seconds,
  })
})
