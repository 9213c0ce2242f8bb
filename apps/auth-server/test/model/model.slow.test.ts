import { describe, expect, test } from 'vitest'
import { explore } from './explore.ts'
import { ROLLBACK_PROTOCOL, rollbackModel } from './rollback-model.ts'
import {
  PLANTED_IN_CODES,
  PLANTED_IN_FENCE,
  PLANTED_IN_REDEMPTION,
  PLANTED_IN_RESTORE,
  PLANTED_IN_ROLLBACK,
  PLANTED_IN_RULE,
} from './planted-faults.ts'
import { REDEMPTION, redemptionModel } from './redemption-model.ts'
import { RULE, ruleModel } from './rule-model.ts'
import { PROTOCOL, fenceModel } from './fence-model.ts'

/** `npm run model -- --depth 14` goes further. */
const DEPTH = 11
/** Of a rollback of Postgres: it has few states, but its faults take more steps. */
const ROLLBACK_DEPTH = 13
/** Of a restore, with one logout: a second standby may take over in the middle of it. */
const RESTORE_DEPTH = 16
const RESTORE = { logouts: 1, failOvers: 2 }

describe('every sequence of steps', { timeout: 120_000 }, () => {
  test('of a family, its owner and a thief keeps the invariants', () => {
    expect(explore(ruleModel(RULE, 1), DEPTH)).toMatchObject({ depth: DEPTH, broken: null })
  })

  test('of an authorization code and its session, its owner and a thief, keeps the invariants', () => {
    expect(explore(ruleModel(RULE, 1, 'code'), DEPTH)).toMatchObject({ depth: DEPTH, broken: null })
  })

  test('of two servers that get the same code redeems it once, whichever store is lost in between', () => {
    const { broken, states } = explore(redemptionModel(REDEMPTION, 1), 40)
    expect(broken).toBeNull()
    expect(states).toBeGreaterThan(1_000)
  })

  test('of a logout and refreshes, behind the fence, keeps the invariants', () => {
    expect(explore(fenceModel(PROTOCOL, 1), DEPTH)).toMatchObject({ depth: DEPTH, broken: null })
  })

  test('of a logout and refreshes, while one server has never reached Redis, keeps the invariants', () => {
    expect(explore(fenceModel(PROTOCOL, 1, true), 10)).toMatchObject({ depth: 10, broken: null })
  })

  test('of logouts and a standby that takes over: a rollback is noticed, and there is no false alarm', () => {
    expect(explore(rollbackModel(ROLLBACK_PROTOCOL), ROLLBACK_DEPTH)).toMatchObject({
      depth: ROLLBACK_DEPTH,
      broken: null,
    })
  })

  test('of a restore by the servers, killed at any step or cut by another fail-over: no logout is undone', () => {
    const model = rollbackModel({ ...ROLLBACK_PROTOCOL, restores: true }, RESTORE)
    expect(explore(model, RESTORE_DEPTH)).toMatchObject({ depth: RESTORE_DEPTH, broken: null })
  })
})

describe('a planted fault is found', { timeout: 120_000 }, () => {
  test.each(PLANTED_IN_RULE)('$name', ({ rule, breaks }) => {
    expect(explore(ruleModel(rule, 1), DEPTH).broken?.violation).toMatch(new RegExp(`^${breaks}`))
  })

  test.each(PLANTED_IN_CODES)('$name', ({ rule, breaks }) => {
    expect(explore(ruleModel(rule, 1, 'code'), DEPTH).broken?.violation).toMatch(new RegExp(`^${breaks}`))
  })

  test.each(PLANTED_IN_REDEMPTION)('$name', ({ protocol }) => {
    expect(explore(redemptionModel(protocol, 1), 40).broken?.violation).toMatch(/^once/)
  })

  test.each(PLANTED_IN_FENCE)('$name', ({ protocol, breaks, isMisconfigured }) => {
    expect(explore(fenceModel(protocol, 1, isMisconfigured), DEPTH).broken?.violation).toMatch(new RegExp(`^${breaks}`))
  })

  test.each(PLANTED_IN_ROLLBACK)('$name', ({ protocol, breaks }) => {
    expect(explore(rollbackModel(protocol), ROLLBACK_DEPTH).broken?.violation).toMatch(new RegExp(`^${breaks}`))
  })

  test.each(PLANTED_IN_RESTORE)('$name', ({ protocol, breaks }) => {
    const { broken } = explore(rollbackModel(protocol, RESTORE), RESTORE_DEPTH)
    expect(broken?.violation).toMatch(new RegExp(`^${breaks}`))
  })
})
