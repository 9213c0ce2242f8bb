import { describe, expect, test } from 'vitest'
import { type Outcome, isHeld, ofAllRuns } from '../src/run-fault.ts'

const fine: Outcome = {
  name: 'Redis killed',
  requests: 100,
  refreshed: 90,
  errors: new Map([['503 login', 1]]),
  slowestMs: 300,
  untouchedMs: 20,
  normalRate: 100,
  duringRate: 60,
  recoveredMs: 900,
  broken: new Map(),
  isSuspended: false,
}

/** The result of three runs, with a bad one in each position. */
const positions = (bad: Partial<Outcome>) =>
  [0, 1, 2].map((at) => ofAllRuns([0, 1, 2].map((run) => [run === at ? { ...fine, ...bad } : fine]))[0])

describe('of several runs', () => {
  test('counts are added, and a good result stays good', () => {
    const [all] = ofAllRuns([[fine], [fine], [fine]])
    expect(all).toMatchObject({ requests: 300, refreshed: 270, errors: new Map([['503 login', 3]]) })
    expect(all && isHeld(all)).toBe(true)
  })

  test.each([
    ['an invariant broken', { broken: new Map([[2 as const, ['a token worked after its logout']]]) }],
    ['no recovery', { recoveredMs: null }],
    ['an answer that was late', { slowestMs: 2_100 }],
  ])('%s in one of them is not held', (_, bad) => {
    expect(positions(bad).map((all) => all && isHeld(all))).toEqual([false, false, false])
  })

  test('the worst counts', () => {
    const [, second] = positions({ slowestMs: 9_000, recoveredMs: 1_400, duringRate: 40 })
    expect(second).toMatchObject({ slowestMs: 9_000, recoveredMs: 1_400, duringRate: 40 })
  })
})
