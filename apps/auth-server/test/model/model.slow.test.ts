import { describe, expect, test } from 'vitest'
import { explore } from './explore.ts'
import { HISTORY_PROTOCOL, historyModel } from './rollback-model.ts'
import { PLANTED_IN_HISTORY, PLANTED_IN_PROTOCOL, PLANTED_IN_RESTORE, PLANTED_IN_RULE } from './planted-faults.ts'
import { RULE, ruleModel } from './rule-model.ts'
import { PROTOCOL, trustModel } from './fence-model.ts'

/** `npm run model -- --depth 14` looks further. */
const DEPTH = 11
/** Of the history of Postgres, whose states are few and whose faults take more steps. */
const HISTORY_DEPTH = 13
/** Of a restore, with one logout: a second standby takes over in the middle of it. */
const RESTORE_DEPTH = 16
const RESTORE = { logouts: 1, failOvers: 2 }

describe('every sequence of steps', { timeout: 120_000 }, () => {
  test('of a family, its owner and a thief keeps the invariants', () => {
    expect(explore(ruleModel(RULE, 1), DEPTH)).toMatchObject({ depth: DEPTH, broken: null })
  })

  test('of a logout and refreshes, while servers agree on Redis, keeps the invariants', () => {
    expect(explore(trustModel(PROTOCOL, 1), DEPTH)).toMatchObject({ depth: DEPTH, broken: null })
  })

  test('of a logout and refreshes, while one server has never reached Redis, keeps the invariants', () => {
    expect(explore(trustModel(PROTOCOL, 1, true), 10)).toMatchObject({ depth: 10, broken: null })
  })

  test('of logouts and a standby that takes over: a loss is noticed, and nothing else is', () => {
    expect(explore(historyModel(HISTORY_PROTOCOL), HISTORY_DEPTH)).toMatchObject({ depth: HISTORY_DEPTH, broken: null })
  })

  test('of a restore by the servers, killed at any step or cut by another fail-over: no logout is undone', () => {
    const model = historyModel({ ...HISTORY_PROTOCOL, restores: true }, RESTORE)
    expect(explore(model, RESTORE_DEPTH)).toMatchObject({ depth: RESTORE_DEPTH, broken: null })
  })
})

describe('a planted fault is found', { timeout: 120_000 }, () => {
  test.each(PLANTED_IN_RULE)('$name', ({ rule, breaks }) => {
    expect(explore(ruleModel(rule, 1), DEPTH).broken?.violation).toMatch(new RegExp(`^${breaks}`))
  })

  test.each(PLANTED_IN_PROTOCOL)('$name', ({ protocol, breaks, isMisconfigured }) => {
    expect(explore(trustModel(protocol, 1, isMisconfigured), DEPTH).broken?.violation).toMatch(new RegExp(`^${breaks}`))
  })

  test.each(PLANTED_IN_HISTORY)('$name', ({ protocol, breaks }) => {
    expect(explore(historyModel(protocol), HISTORY_DEPTH).broken?.violation).toMatch(new RegExp(`^${breaks}`))
  })

  test.each(PLANTED_IN_RESTORE)('$name', ({ protocol, breaks }) => {
    const { broken } = explore(historyModel(protocol, RESTORE), RESTORE_DEPTH)
    expect(broken?.violation).toMatch(new RegExp(`^${breaks}`))
  })
})
