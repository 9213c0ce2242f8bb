import { describe, expect, test } from 'vitest'
import { explore } from './explore.ts'
import { PLANTED_IN_PROTOCOL, PLANTED_IN_RULE } from './planted-faults.ts'
import { RULE, ruleModel } from './rule-model.ts'
import { PROTOCOL, trustModel } from './trust-model.ts'

/** `npm run model -- --depth 14` looks further. */
const DEPTH = 11

describe('every sequence of steps', { timeout: 120_000 }, () => {
  test('of a family, its owner and a thief keeps the invariants', () => {
    expect(explore(ruleModel(RULE, 1), DEPTH)).toMatchObject({ depth: DEPTH, broken: null })
  })

  test('of a logout and refreshes, while servers agree on Redis, keeps the invariants', () => {
    expect(explore(trustModel(PROTOCOL, 1), DEPTH)).toMatchObject({ depth: DEPTH, broken: null })
  })
})

describe('a planted fault is found', { timeout: 120_000 }, () => {
  test.each(PLANTED_IN_RULE)('$name', ({ rule, breaks }) => {
    expect(explore(ruleModel(rule, 1), DEPTH).broken?.violation).toMatch(new RegExp(`^${breaks}`))
  })

  test.each(PLANTED_IN_PROTOCOL)('$name', ({ protocol, breaks }) => {
    expect(explore(trustModel(protocol, 1), DEPTH).broken?.violation).toMatch(new RegExp(`^${breaks}`))
  })
})
