import { type RefreshPolicy, type Verdict, decideRefresh, isCode } from '../../src/rules/decide-refresh.ts'
import { type Family, type FamilyState, EMPTY_STATE, type RevocationReason, merge } from '../../src/rules/family.ts'
import { aGrant } from '../support/grant.ts'
import type { Model } from './explore.ts'

/** What the model is run over: the real rule, or a copy with a fault planted in it. */
export interface Rule {
  decide: typeof decideRefresh
  merge: typeof merge
  /** Which generation an accepted presentation redeems; the answer is the next one. */
  redeems: (family: Family, generation: number) => number
}

export const RULE: Rule = { decide: decideRefresh, merge, redeems: (_, generation) => generation }

/** The grace period is one unit of time; a store's copy is either within it or past it. */
const POLICY = { idleMs: 1_000, graceMs: 1, lateRepeatGap: 3 } satisfies Partial<RefreshPolicy>
const NOW = 0
const PAST_GRACE = -1
const MAX_ON_THE_WAY = 2

type Who = 'owner' | 'thief'

interface State {
  redis: FamilyState | null
  /** Whether Redis' copy is of the current epoch; else it is merged from Postgres before it is used. */
  isKnown: boolean
  isRedisAway: boolean
  postgres: FamilyState
  /** What waits in the one WriteBehind, on its way to Postgres. */
  waiting: FamilyState
  snapshot: FamilyState | null
  /** The newest generation that the owner and the thief hold; null before the theft. */
  owner: number
  thief: number | null
  /** Requests that no server has seen yet, late ones and copies of one included. */
  onTheWay: readonly { who: Who; generation: number }[]
  /** The ledger: all that was ever stored, and what was answered. */
  truth: FamilyState
  successors: readonly (number | undefined)[]
  /** The newest generation that was accepted late. */
  acceptedLate: number | null
  /** A logout, the answer to a reuse, or the end of the client's sessions was acknowledged. */
  isEnded: boolean
  /** Sessions of the client that were opened before are over: as in `RefreshPolicy`. The family was opened at `NOW`. */
  endedBefore: number
  /** A fault happened, so that a store may lack an update. */
  hasLost: boolean
  /** How many faults may still happen. */
  faults: number
  /** As in `Grant`: set if generation 1 is an authorization code. */
  parent: string | null
  wrong: string | null
}

const AT_LOGIN: FamilyState = { ...EMPTY_STATE, redeemedAt: NOW }

/**
 * One family in Redis and Postgres, its owner, whose answers get lost, and a thief who may copy the token at any time.
 * Each arrival is one step, since `advance` is atomic: it answers the state before it.
 * @param faults how many of the stores' and servers' faults may happen in one sequence; lost answers are always possible.
 * @param openedBy what the user got first: a refresh token or an authorization code.
 */
export function ruleModel(rule: Rule, faults: number, openedBy: 'login' | 'code' = 'login'): Model<State> {
  return {
    initial: {
      redis: AT_LOGIN,
      isKnown: true,
      isRedisAway: false,
      postgres: AT_LOGIN,
      waiting: EMPTY_STATE,
      snapshot: null,
      owner: 1,
      thief: null,
      onTheWay: [],
      truth: AT_LOGIN,
      successors: [],
      acceptedLate: null,
      isEnded: false,
      endedBefore: 0,
      hasLost: false,
      faults,
      parent: openedBy === 'code' ? 'the session at the pages' : null,
      wrong: null,
    },
    next: (state) => [
      ...requests(state, rule),
      ...background(state, rule),
      ...(state.faults > 0 ? faultsOf({ ...state, faults: state.faults - 1, hasLost: true }) : []),
    ],
    violation: ({ wrong }) => wrong,
    keyOf: ({ redis, postgres, waiting, snapshot, truth, onTheWay, successors, ...plain }) => {
      const states = [redis, postgres, waiting, snapshot, truth].map(spell)
      const requested = onTheWay.map(({ who, generation }) => `${who[0]}${generation}`).toSorted()
      return [...states, requested, successors, ...Object.values(plain)].join('|')
    },
  }
}

function* requests(state: State, rule: Rule): Iterable<[string, State]> {
  const { owner, thief, onTheWay } = state
  if (onTheWay.length < MAX_ON_THE_WAY) {
    yield [`the owner sends ${owner}`, { ...state, onTheWay: [...onTheWay, { who: 'owner', generation: owner }] }]
    if (thief !== null)
      yield [`the thief sends ${thief}`, { ...state, onTheWay: [...onTheWay, { who: 'thief', generation: thief }] }]
  }
  if (thief === null) yield [`the thief copies ${owner}`, { ...state, thief: owner }]
  for (const [i, { who, generation }] of onTheWay.entries()) {
    const { state: after, answer } = arrive({ ...state, onTheWay: onTheWay.toSpliced(i, 1) }, who, generation, rule)
    yield [
      `${generation} of the ${who} arrives, answered ${answer ?? 'no'}`,
      answer === null ? after : { ...after, [who]: Math.max(after[who] ?? 0, answer) },
    ]
    if (who === 'owner' && answer !== null) yield [`${generation} of the owner arrives, the answer is lost`, after]
  }
}

function* background(state: State, rule: Rule): Iterable<[string, State]> {
  const { redis, postgres, waiting, snapshot, truth, isRedisAway, faults } = state
  const later = (family: FamilyState): FamilyState =>
    family.redeemedAt === NOW ? { ...family, redeemedAt: PAST_GRACE } : family
  yield [
    'the grace period passes',
    {
      ...state,
      redis: redis && later(redis),
      postgres: later(postgres),
      waiting: later(waiting),
      snapshot: snapshot && later(snapshot),
      truth: later(truth),
    },
  ]
  yield ['the updates reach Postgres', { ...state, postgres: rule.merge(postgres, waiting), waiting: EMPTY_STATE }]
  if (redis && !snapshot && faults > 0) yield ['Redis saves a snapshot', { ...state, snapshot: redis }]
  if (isRedisAway) yield ['Redis is back', { ...state, isRedisAway: false, isKnown: false }]
  if (!state.isEnded) yield ['logout', end(state, rule, 'logout')]
  if (!state.isEnded) yield ['the client is disabled', { ...state, endedBefore: Infinity, isEnded: true }]
  if (state.endedBefore === Infinity) yield ['the client is enabled again', { ...state, endedBefore: NOW + 1 }]
}

function* faultsOf(state: State): Iterable<[string, State]> {
  const { redis, snapshot, isRedisAway } = state
  if (redis) yield ['Redis is flushed', { ...state, redis: null }]
  if (snapshot) yield ['Redis is rolled back', { ...state, redis: snapshot, isKnown: false }]
  if (!isRedisAway) yield ['Redis is away', { ...state, isRedisAway: true }]
  if (state.waiting !== EMPTY_STATE) yield ['a server is killed', { ...state, waiting: EMPTY_STATE }]
}

/** A code may be refused after it was redeemed, even if the answer was lost: the one exception to invariants 1 and 7. */
const isSpentCode = ({ parent, successors }: State, generation: number) =>
  isCode({ parent }, generation) && successors[generation] !== undefined

/** What services/sessions/refresh.ts and replication/layered-family-store.ts do, in one step. `answer` is null for a refusal. */
function arrive(before: State, who: Who, generation: number, rule: Rule): { state: State; answer: number | null } {
  const { state, decisive } = load(before, rule)
  const family: Family = { ...aGrant({ parent: state.parent }), ...decisive }
  const verdict = rule.decide(family, { generation, clientId: null, bindingKey: null }, NOW, {
    ...POLICY,
    endedBefore: state.endedBefore,
  })
  if (verdict.kind === 'refuse' || verdict.kind === 'reuse') {
    const isRight = state.isEnded || isSuspect(state, generation) || isSpentCode(state, generation)
    const after = { ...state, wrong: isRight ? null : `1 and 7: ${generation} of the ${who} was refused` }
    return { state: verdict.kind === 'reuse' ? end(after, rule, 'reuse') : after, answer: null }
  }
  const redeemed = rule.redeems(family, generation)
  const judged = judge(state, generation, redeemed + 1)
  return { state: store(judged, updateOf(verdict, redeemed), rule), answer: redeemed + 1 }
}

function updateOf({ kind }: Verdict, generation: number): FamilyState {
  if (kind === 'rotate') return { ...EMPTY_STATE, redeemed: generation, redeemedAt: NOW }
  return kind === 'late_repeat' ? { ...EMPTY_STATE, lateRepeated: generation } : EMPTY_STATE
}

/** Checks invariants 2, 3 and 4, and that a code is redeemed once, against the ledger when a presentation is accepted. */
function judge(state: State, generation: number, answer: number): State {
  const { truth, successors, acceptedLate, isEnded, hasLost } = state
  const isLate = generation === truth.redeemed && truth.redeemedAt === PAST_GRACE
  const known = successors[generation]
  const faults = [
    isSpentCode(state, generation) && 'once: a code was redeemed twice',
    isEnded && '2: a token was accepted after the end was acknowledged',
    known !== undefined && known !== answer && `3: ${generation} was answered by ${known} and by ${answer}`,
    // What a store has lost, the rule cannot know.
    !hasLost && generation < truth.redeemed && `4: ${generation} was accepted after ${truth.redeemed}`,
    !hasLost &&
      isLate &&
      isTooSoon(acceptedLate, generation) &&
      `4: ${acceptedLate} was late, and so was ${generation}`,
  ]
  return {
    ...state,
    successors: Object.assign([...successors], { [generation]: answer }),
    acceptedLate: isLate ? generation : acceptedLate,
    wrong: faults.find((fault) => fault !== false) ?? null,
  }
}

/** A token that was followed by another one, or the second late repeat in a row: it could be a thief's. */
function isSuspect({ truth, acceptedLate }: State, generation: number): boolean {
  if (generation < truth.redeemed) return true
  return generation === truth.redeemed && truth.redeemedAt === PAST_GRACE && isTooSoon(acceptedLate, generation)
}

const isTooSoon = (lateBefore: number | null, generation: number) =>
  lateBefore !== null && generation !== lateBefore && generation - lateBefore < POLICY.lateRepeatGap

/** The copy that decides: that of Redis, after what it lacks was merged in, or that of Postgres while Redis is away. */
function load(state: State, rule: Rule): { state: State; decisive: FamilyState } {
  const { redis, isKnown, isRedisAway, postgres, waiting } = state
  const durable = rule.merge(postgres, waiting)
  if (isRedisAway) return { state, decisive: durable }
  if (redis && isKnown) return { state, decisive: redis }
  const decisive = redis ? rule.merge(redis, durable) : durable
  return { state: { ...state, redis: decisive, isKnown: true }, decisive }
}

/** Redis at once and Postgres later, or Postgres at once. */
function store(state: State, update: FamilyState, rule: Rule): State {
  const { redis, postgres, waiting, truth, isRedisAway } = state
  if (update === EMPTY_STATE) return state
  const updated = { ...state, truth: merge(truth, update) }
  if (isRedisAway || !redis) return { ...updated, postgres: rule.merge(postgres, update) }
  return { ...updated, redis: rule.merge(redis, update), waiting: rule.merge(waiting, update) }
}

/** Both stores have the tombstone when it is acknowledged; fence-model.ts has the steps on the way there. */
function end(state: State, rule: Rule, reason: RevocationReason): State {
  const tombstone: FamilyState = { ...EMPTY_STATE, revoked: { at: NOW, reason } }
  const { redis, isRedisAway, postgres, truth } = state
  return {
    ...state,
    redis: redis && !isRedisAway ? rule.merge(redis, tombstone) : redis,
    postgres: rule.merge(postgres, tombstone),
    truth: merge(truth, tombstone),
    isEnded: true,
  }
}

const spell = (one: FamilyState | null) =>
  one && [one.redeemed, Math.min(one.redeemedAt, 1), one.lateRepeated, one.revoked?.reason].join(' ')
