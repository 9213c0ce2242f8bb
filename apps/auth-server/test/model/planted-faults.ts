import { decideFence } from '../../src/rules/decide-fence.ts'
import { decideRollback } from '../../src/rules/decide-rollback.ts'
import { decideRefresh } from '../../src/rules/decide-refresh.ts'
import { ROLLBACK_PROTOCOL, type RollbackProtocol } from './rollback-model.ts'
import { REDEMPTION, type Redemption } from './redemption-model.ts'
import { RULE, type Rule } from './rule-model.ts'
import { PROTOCOL, type Protocol } from './fence-model.ts'

/** Copies of the rule. Each has one fault that real servers have had; `breaks` is the invariant that it breaks. */
export const PLANTED_IN_RULE: { name: string; breaks: string; rule: Rule }[] = [
  {
    name: 'a grace period that forks',
    breaks: '3',
    rule: {
      ...RULE,
      decide(...args) {
        const verdict = decideRefresh(...args)
        return verdict.kind === 'repeat' ? { kind: 'rotate', gap: 0 } : verdict
      },
      redeems: (family, generation) => (generation > family.redeemed ? generation : family.redeemed + 1),
    },
  },
  {
    name: 'a late repeat without a budget',
    breaks: '4',
    rule: {
      ...RULE,
      decide(family, ...args) {
        const verdict = decideRefresh(family, ...args)
        const isNewest = args[0].generation === family.redeemed
        return verdict.kind === 'reuse' && isNewest ? { kind: 'late_repeat' } : verdict
      },
    },
  },
  {
    name: 'a client that is enabled again with its sessions',
    breaks: '2',
    rule: {
      ...RULE,
      decide: (family, presented, now, policy) =>
        decideRefresh(family, presented, now, policy.endedBefore === Infinity ? policy : { ...policy, endedBefore: 0 }),
    },
  },
  { name: 'a merge that overwrites', breaks: '2', rule: { ...RULE, merge: (_, newer) => newer } },
  {
    name: 'a used token that is refused, not repeated',
    breaks: '1',
    rule: {
      ...RULE,
      decide(...args) {
        const verdict = decideRefresh(...args)
        return verdict.kind === 'repeat' || verdict.kind === 'late_repeat' ? { kind: 'reuse' } : verdict
      },
    },
  },
]

/** Copies of the rule with faults that only a family that was opened by a code shows. */
export const PLANTED_IN_CODES: { name: string; breaks: string; rule: Rule }[] = [
  {
    name: 'a code that may be repeated as a refresh token may',
    breaks: 'once',
    rule: { ...RULE, decide: (family, ...args) => decideRefresh({ ...family, parent: null }, ...args) },
  },
  {
    name: 'a session that is as strict as its code',
    breaks: '1',
    rule: {
      ...RULE,
      decide(...args) {
        const verdict = decideRefresh(...args)
        return verdict.kind === 'repeat' || verdict.kind === 'late_repeat' ? { kind: 'reuse' } : verdict
      },
    },
  },
]

/** Copies of how two servers redeem a code once. */
export const PLANTED_IN_REDEMPTION: { name: string; protocol: Redemption }[] = [
  { name: 'a code whose redemption reaches Postgres later', protocol: { ...REDEMPTION, asksPostgres: false } },
  { name: 'a code that two servers redeem if both found it new', protocol: { ...REDEMPTION, looksAgain: false } },
]

/** Copies of the fence. */
export const PLANTED_IN_FENCE: { name: string; breaks: string; protocol: Protocol; isMisconfigured?: boolean }[] = [
  {
    name: 'a Redis that was restarted is used',
    breaks: '2',
    protocol: {
      ...PROTOCOL,
      decideFence: (shared, runId, ...rest) => decideFence(shared && { ...shared, runId: runId ?? '' }, runId, ...rest),
    },
  },
  {
    name: 'a server uses Redis while another one works without it',
    breaks: '4',
    protocol: {
      ...PROTOCOL,
      decideFence: (shared, ...rest) => decideFence(shared && { ...shared, suspended: 'never' }, ...rest),
    },
  },
  {
    name: 'a revocation without Redis is not made visible',
    breaks: '2',
    protocol: { ...PROTOCOL, ensuresVisible: false },
  },
  {
    name: 'the revocations of a server that never reached Redis are not made visible',
    breaks: '2',
    protocol: { ...PROTOCOL, ensuresVisible: false },
    isMisconfigured: true,
  },
  {
    name: 'the refreshes of a server that never reached Redis are not made visible',
    breaks: '4',
    protocol: { ...PROTOCOL, ensuresUpdateVisible: false },
    isMisconfigured: true,
  },
  {
    name: 'a revocation is written to Redis only before its commit',
    breaks: '2',
    protocol: { ...PROTOCOL, writesTwice: false },
  },
  {
    name: 'a poll enables what its own server has meanwhile disabled',
    breaks: '2',
    protocol: { ...PROTOCOL, discardsStalePolls: false },
  },
  {
    name: 'a redirection to a replica that took over is followed unnoticed',
    breaks: '2',
    protocol: { ...PROTOCOL, noticesFailOver: false },
  },
]

/** Copies of how a rollback of Postgres is noticed. */
export const PLANTED_IN_ROLLBACK: { name: string; breaks: string; protocol: RollbackProtocol }[] = [
  {
    name: 'a new connection is used before it is compared',
    breaks: '2',
    protocol: { ...ROLLBACK_PROTOCOL, checks: false },
  },
  {
    name: 'a commit to one Postgres is counted on the one that took over',
    breaks: '2',
    protocol: { ...ROLLBACK_PROTOCOL, fences: false },
  },
  {
    name: 'the position moves on before the commit',
    breaks: '2',
    protocol: { ...ROLLBACK_PROTOCOL, countsAfter: false },
  },
  {
    name: 'a logout is acknowledged before its position is published',
    breaks: '2',
    protocol: { ...ROLLBACK_PROTOCOL, publishesFirst: false },
  },
  {
    name: 'a position that was published meanwhile is an alarm',
    breaks: 'a false alarm',
    protocol: {
      ...ROLLBACK_PROTOCOL,
      decideRollback(...args) {
        const verdict = decideRollback(...args)
        return verdict === 'read_again' ? 'rolled_back' : verdict
      },
    },
  },
]

/** Copies of how servers restore by themselves. */
export const PLANTED_IN_RESTORE: { name: string; breaks: string; protocol: RollbackProtocol }[] = [
  {
    name: 'a rollback that ends before what Redis has is merged',
    breaks: '2',
    protocol: { ...ROLLBACK_PROTOCOL, restores: true, merges: false },
  },
  {
    name: 'a rollback that ends in a Postgres that took over in the middle of the restore',
    breaks: '2',
    protocol: { ...ROLLBACK_PROTOCOL, restores: true, endsInClaim: false },
  },
]
