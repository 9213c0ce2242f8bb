import { decideFence } from '../../src/rules/decide-fence.ts'
import { decideRollback } from '../../src/rules/decide-rollback.ts'
import { decideRefresh } from '../../src/rules/decide-refresh.ts'
import { HISTORY_PROTOCOL, type HistoryProtocol } from './rollback-model.ts'
import { RULE, type Rule } from './rule-model.ts'
import { PROTOCOL, type Protocol } from './fence-model.ts'

/** Copies of the rule, each with one fault that real servers have had, and the invariant that it breaks. */
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

/** Copies of how servers agree on Redis. */
export const PLANTED_IN_PROTOCOL: { name: string; breaks: string; protocol: Protocol; isMisconfigured?: boolean }[] = [
  {
    name: 'a Redis that was started again is believed',
    breaks: '2',
    protocol: {
      ...PROTOCOL,
      decideTrust: (shared, runId, ...rest) => decideFence(shared && { ...shared, runId: runId ?? '' }, runId, ...rest),
    },
  },
  {
    name: 'a server believes Redis while another one works without it',
    breaks: '4',
    protocol: {
      ...PROTOCOL,
      decideTrust: (shared, ...rest) => decideFence(shared && { ...shared, suspended: 'never' }, ...rest),
    },
  },
  { name: 'nobody is told of a revocation past Redis', breaks: '2', protocol: { ...PROTOCOL, covers: false } },
  {
    name: 'a server that never reached Redis tells nobody of its revocations',
    breaks: '2',
    protocol: { ...PROTOCOL, covers: false },
    isMisconfigured: true,
  },
  {
    name: 'a server that never reached Redis tells nobody of its refreshes',
    breaks: '4',
    protocol: { ...PROTOCOL, coversMarks: false },
    isMisconfigured: true,
  },
  {
    name: 'Redis is told of a revocation only before its commit',
    breaks: '2',
    protocol: { ...PROTOCOL, tellsTwice: false },
  },
  {
    name: 'a look believes what its own server has meanwhile suspended',
    breaks: '2',
    protocol: { ...PROTOCOL, doubts: false },
  },
  {
    name: 'a redirection to a replica that took over is followed unnoticed',
    breaks: '2',
    protocol: { ...PROTOCOL, noticesFailOver: false },
  },
]

/** Copies of how an older Postgres is noticed. */
export const PLANTED_IN_HISTORY: { name: string; breaks: string; protocol: HistoryProtocol }[] = [
  {
    name: 'a new connection is used before it is compared',
    breaks: '2',
    protocol: { ...HISTORY_PROTOCOL, checks: false },
  },
  {
    name: 'a commit to one Postgres is counted on the one that took over',
    breaks: '2',
    protocol: { ...HISTORY_PROTOCOL, fences: false },
  },
  {
    name: 'the position moves on before the commit',
    breaks: '2',
    protocol: { ...HISTORY_PROTOCOL, countsAfter: false },
  },
  {
    name: 'a logout is acknowledged before Redis knows its position',
    breaks: '2',
    protocol: { ...HISTORY_PROTOCOL, tellsFirst: false },
  },
  {
    name: 'a position that was told meanwhile is an alarm',
    breaks: 'an alarm',
    protocol: {
      ...HISTORY_PROTOCOL,
      decideHistory(...args) {
        const verdict = decideRollback(...args)
        return verdict === 'look_again' ? 'lost' : verdict
      },
    },
  },
]

/** Copies of how servers restore by themselves. */
export const PLANTED_IN_RESTORE: { name: string; breaks: string; protocol: HistoryProtocol }[] = [
  {
    name: 'a loss that ends before what Redis has is merged',
    breaks: '2',
    protocol: { ...HISTORY_PROTOCOL, restores: true, merges: false },
  },
  {
    name: 'a loss that ends in a Postgres that took over in the middle of the restore',
    breaks: '2',
    protocol: { ...HISTORY_PROTOCOL, restores: true, endsInClaim: false },
  },
]
