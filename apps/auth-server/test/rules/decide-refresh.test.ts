import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Presented, type RefreshPolicy, type Verdict, decideRefresh } from '../../src/rules/decide-refresh.ts'
import { type Family, type FamilyState, EMPTY_STATE, merge } from '../../src/rules/family.ts'
import { aGrant } from '../support/grant.ts'

const LOGIN = 1_800_000_000_000
const POLICY: RefreshPolicy = { idleMs: 100_000, graceMs: 10_000, lateRepeatGap: 8, endedBefore: 0 }

const family = (changes: Partial<Family> = {}): Family => ({
  ...aGrant({ createdAt: LOGIN, expiresAt: LOGIN + 1_000_000 }),
  ...EMPTY_STATE,
  redeemedAt: LOGIN,
  ...changes,
})
const presented = (generation: number, changes: Partial<Presented> = {}): Presented => ({
  generation,
  clientId: null,
  bindingKey: null,
  ...changes,
})

const ROTATE: Verdict = { kind: 'rotate', gap: 0 }
const REPEAT: Verdict = { kind: 'repeat' }
const LATE: Verdict = { kind: 'late_repeat' }
const REUSE: Verdict = { kind: 'reuse' }
const refuse = (reason: Extract<Verdict, { kind: 'refuse' }>['reason']): Verdict => ({ kind: 'refuse', reason })
const at = (redeemed: number, more: Partial<Family> = {}) => family({ redeemed, redeemedAt: LOGIN + 50_000, ...more })
/** Opened by an authorization code, which is its generation 1. */
const code = (more: Partial<Family> = {}) => family({ parent: 'session at the pages', ...more })
const REDEEMED = { redeemed: 1, redeemedAt: LOGIN + 5_000 }
const IN_GRACE = LOGIN + 59_999
const LATER = LOGIN + 60_000

/** docs/explanation/the-idea.md has the same table. */
const TABLE: [string, Family, Presented, number, Verdict][] = [
  ['the first refresh', family(), presented(1), LOGIN + 1, ROTATE],
  ['the next one', at(4), presented(5), LATER, ROTATE],
  ['a gap: a store lost its latest updates', at(4), presented(9), LATER, { kind: 'rotate', gap: 4 }],
  ['a retry within the grace period', at(4), presented(4), IN_GRACE, REPEAT],
  ['a retry by a server whose clock is behind', at(4), presented(4), LOGIN, REPEAT],
  ['the first late retry', at(4), presented(4), LATER, LATE],
  ['the same late retry again', at(4, { lateRepeated: 4 }), presented(4), LATER, LATE],
  ['a late retry 7 generations after the last', at(11, { lateRepeated: 4 }), presented(11), LATER, REUSE],
  ['a late retry 8 generations after the last', at(12, { lateRepeated: 4 }), presented(12), LATER, LATE],
  ['a second late retry in a row', at(5, { lateRepeated: 4 }), presented(5), LATER, REUSE],
  ['that one, within the grace period', at(5, { lateRepeated: 4 }), presented(5), IN_GRACE, REPEAT],
  [
    'that one, bound to a key',
    at(5, { lateRepeated: 4, bindingKey: 'k' }),
    presented(5, { bindingKey: 'k' }),
    LATER,
    LATE,
  ],
  ['the one before the newest, at once', at(4), presented(3), LOGIN + 50_001, REUSE],
  ['the very first one, much later', at(400), presented(1), LATER, REUSE],
  ['an old one, bound to a key', at(4, { bindingKey: 'k' }), presented(3, { bindingKey: 'k' }), LATER, REUSE],
  ['a revoked family', at(4, { revoked: { at: LOGIN, reason: 'logout' } }), presented(5), LATER, refuse('revoked')],
  [
    'an old one of a revoked family',
    at(4, { revoked: { at: LOGIN, reason: 'reuse' } }),
    presented(1),
    LATER,
    refuse('revoked'),
  ],
  ['just before the idle end', family(), presented(1), LOGIN + 99_999, ROTATE],
  ['at the idle end', family(), presented(1), LOGIN + 100_000, refuse('idle')],
  ['an old one after the idle end', at(4), presented(1), LOGIN + 150_000, refuse('idle')],
  ['at the absolute end', at(4, { redeemedAt: LOGIN + 999_999 }), presented(5), LOGIN + 1_000_000, refuse('expired')],
  ['the client that logged in', at(4), presented(5, { clientId: 'web' }), LATER, ROTATE],
  ['another client', at(4), presented(5, { clientId: 'app' }), LATER, refuse('wrong_client')],
  ['an old one from another client', at(4), presented(1, { clientId: 'app' }), LATER, refuse('wrong_client')],
  ['no key, although one is bound', at(4, { bindingKey: 'k' }), presented(5), LATER, refuse('wrong_key')],
  ['a code', code(), presented(1), LOGIN + 59_999, ROTATE],
  ['a code after a minute', code(), presented(1), LOGIN + 60_000, refuse('idle')],
  ['a code that was redeemed, at once', code(REDEEMED), presented(1), LOGIN + 5_000, REUSE],
  ['that one, by a server whose clock is behind', code(REDEEMED), presented(1), LOGIN + 4_000, REUSE],
  ['that one, bound to a key', code({ ...REDEEMED, bindingKey: 'k' }), presented(1, { bindingKey: 'k' }), LATER, REUSE],
  ['that one, much later', code({ redeemed: 400, redeemedAt: LOGIN + 900_000 }), presented(1), LOGIN + 950_000, REUSE],
  ['that one, by another client', code(REDEEMED), presented(1, { clientId: 'app' }), LATER, refuse('wrong_client')],
  ['the refresh token that a code gave', code(REDEEMED), presented(2), LOGIN + 104_999, ROTATE],
  ['that one, after the idle end', code(REDEEMED), presented(2), LOGIN + 105_000, refuse('idle')],
  ['a retry of it', code({ redeemed: 2, redeemedAt: LOGIN + 50_000 }), presented(2), IN_GRACE, REPEAT],
  [
    'it, after a store lost the redemption of its code',
    code(),
    presented(2),
    LOGIN + 60_000,
    { kind: 'rotate', gap: 1 },
  ],
  ['another key', at(4, { bindingKey: 'k' }), presented(1, { bindingKey: 'x' }), LATER, refuse('wrong_key')],
]

describe('decide', () => {
  test.each([
    ['opened before the sessions of its client were ended', LOGIN + 1, refuse('client_disabled')],
    ['opened at that time, or later', LOGIN, ROTATE],
    ['of a disabled client', Infinity, refuse('client_disabled')],
  ])('a session %s', (_, endedBefore, verdict) => {
    const policy = { ...POLICY, endedBefore }
    expect(decideRefresh(at(4), presented(5), LATER, policy)).toEqual(verdict)
    // An old token revokes nothing then, so that the session's end has one reason.
    if (verdict !== ROTATE) expect(decideRefresh(at(4), presented(1), LATER, policy)).toEqual(verdict)
  })

  test.each(TABLE)('%s', (_, state, token, now, verdict) => {
    expect(decideRefresh(state, token, now, POLICY)).toEqual(verdict)
  })

  test('`off` allows no late retry, not even with a key', () => {
    const policy = { ...POLICY, lateRepeatGap: null }
    expect(decideRefresh(at(4), presented(4), LATER, policy)).toEqual(REUSE)
    expect(decideRefresh(at(4, { bindingKey: 'k' }), presented(4, { bindingKey: 'k' }), LATER, policy)).toEqual(REUSE)
    expect(decideRefresh(at(4), presented(4), IN_GRACE, policy)).toEqual(REPEAT)
  })
})

/** What a server does with a verdict, without the stores. Returns the generation that it issues, or null. */
function play(state: Family, generation: number, now: number): { state: Family; issued: number | null } {
  const verdict = decideRefresh(state, presented(generation), now, POLICY)
  const updated = (changes: Partial<FamilyState>) => ({ ...state, ...merge(state, { ...EMPTY_STATE, ...changes }) })
  switch (verdict.kind) {
    case 'rotate':
      return { state: updated({ redeemed: generation, redeemedAt: now }), issued: generation + 1 }
    case 'repeat':
      return { state, issued: generation + 1 }
    case 'late_repeat':
      return { state: updated({ lateRepeated: generation }), issued: generation + 1 }
    case 'reuse':
      return { state: updated({ revoked: { at: now, reason: 'reuse' } }), issued: null }
    case 'refuse':
      return { state, issued: null }
  }
}

/** Milliseconds until the next step: within the grace period or after it, never as long as the idle lifetime. */
const pause = fc.oneof(fc.integer({ min: 0, max: 9_000 }), fc.integer({ min: 10_001, max: 40_000 }))

describe('random histories', () => {
  test('an honest client is never logged out, however many answers it loses', () => {
    const step = fc.record({ lost: fc.integer({ min: 0, max: 3 }), wait: fc.integer({ min: 0, max: 3_000 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let state = family({ expiresAt: Number.MAX_SAFE_INTEGER })
        let held = 1
        let now = LOGIN
        for (const { lost, wait } of steps) {
          let issued: number | null = null
          for (let i = 0; i <= lost; i++) ({ state, issued } = play(state, held, (now += wait)))
          expect(issued).toBe(held + 1)
          held += 1
        }
      }),
    )
  })

  test('a client that lost an answer and retries much later gets the same successor, however often', () => {
    fc.assert(
      fc.property(fc.array(pause, { minLength: 1, maxLength: 20 }), (waits) => {
        let state = play(family({ expiresAt: Number.MAX_SAFE_INTEGER }), 1, LOGIN).state
        let now = LOGIN
        for (const wait of waits) {
          now = Math.min(now + wait, LOGIN + 99_999)
          const step = play(state, 1, now)
          expect(step.issued).toBe(2)
          state = step.state
        }
      }),
    )
  })

  test('if a thief and the owner both refresh, the family is revoked at their second collision outside the grace period', () => {
    const turns = fc.array(fc.constantFrom('owner' as const, 'thief' as const), { minLength: 40, maxLength: 80 })
    fc.assert(
      fc.property(turns, fc.integer({ min: 1, max: 30 }), (order, stolenAt) => {
        let state = family({ expiresAt: Number.MAX_SAFE_INTEGER })
        let now = LOGIN
        for (let g = 1; g < stolenAt; g++) state = play(state, g, (now += 20_000)).state
        const held = { owner: stolenAt, thief: stolenAt }
        let collisions = 0
        for (const who of order) {
          const collides = held[who] <= state.redeemed
          const step = play(state, held[who], (now += 20_000))
          state = step.state
          if (collides) collisions++
          if (step.issued !== null) held[who] = step.issued
          if (collisions >= 2) break
        }
        expect(state.revoked !== null || collisions < 2).toBe(true)
      }),
    )
  })

  test('the answer to a generation is always the next generation', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), pause), { maxLength: 60 }), (steps) => {
        let state = family({ expiresAt: Number.MAX_SAFE_INTEGER })
        let now = LOGIN
        let ended = false
        for (const [generation, wait] of steps) {
          const before = state
          const step = play(state, generation, (now += wait))
          state = step.state
          if (step.issued !== null) expect(step.issued).toBe(generation + 1)
          if (ended) expect(step.issued).toBeNull()
          ended ||= state.revoked !== null
          expect(state.redeemed).toBeGreaterThanOrEqual(before.redeemed)
          expect(state.lateRepeated ?? 0).toBeGreaterThanOrEqual(before.lateRepeated ?? 0)
        }
      }),
    )
  })

  test('a code gives tokens at most once, however often it is presented, by whatever clock', () => {
    const step = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: -20_000, max: 20_000 }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let state = code({ expiresAt: Number.MAX_SAFE_INTEGER })
        let now = LOGIN
        const issued = steps.map(([generation, wait]) => {
          const played = play(state, generation, (now += wait))
          state = played.state
          return generation === 1 && played.issued !== null
        })
        expect(issued.filter(Boolean).length).toBeLessThanOrEqual(1)
      }),
    )
  })
})
