import { expect, test } from 'vitest'
import { FAULTS } from '../src/faults/index.ts'
import { runSuite } from '../src/suite.ts'
import { details } from '../src/table.ts'

/** The others take longer. `npm run test:faults` runs them. */
const QUICK = [
  'Redis killed',
  'Redis flushed',
  'Postgres killed',
  'an auth-server killed',
  'one server cut from Redis',
  'replies to clients lost',
]

test('a short fault of each kind breaks no invariant', { timeout: 120_000 }, async () => {
  const faults = FAULTS.filter(({ name }) => QUICK.includes(name))
  const { outcomes } = await runSuite(faults, {
    servers: 2,
    load: { steady: 6, tabbed: 1, leaving: 1 },
    normalMs: 300,
    faultMs: 1_000,
  })
  expect(outcomes.map(({ name }) => name)).toEqual(QUICK)
  expect(details(outcomes)).toEqual([])
})
