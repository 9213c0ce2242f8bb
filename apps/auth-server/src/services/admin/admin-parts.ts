import type { RollbackDetector } from '../../replication/rollback-detector.ts'
import { ADMIN_SCOPES, type AdminScope } from '../../rules/administration.ts'
import type { RealmRows } from '../../stores/realm-rows.ts'
import type { Core } from '../core.ts'
import type { RealmKeeper } from '../realm/realm-keeper.ts'
import { type Refusal, refuse } from '../refusal.ts'

/** What the services for administration work with. */
export interface ServerAdminParts {
  core: Core
  realm: Pick<RealmKeeper, 'refresh'>
  realmRows: Pick<RealmRows, 'readUnless' | 'change' | 'haveEnded'>
  rollback: Pick<RollbackDetector, 'count'>
}

/** Who administers. */
export interface Administrator {
  /** As in `DoneBy`. */
  by: string
  /** What the administrator may do. */
  scopes: readonly AdminScope[]
}

export interface AdminParts extends ServerAdminParts {
  caller: Administrator
}

/** The operator at the command may do everything. @param user of the operating system. */
export const atCommand = (user: string): Administrator => ({ by: `command:${user}`, scopes: ADMIN_SCOPES })

/** The parts for one call: each event that it records says who did it. */
export function actingAs<Parts extends ServerAdminParts>(parts: Parts, caller: Administrator): Parts & AdminParts {
  const core: Core = { ...parts.core, audit: (event) => parts.core.audit({ ...event, by: caller.by }) }
  return { ...parts, core, caller }
}

/**
 * A caller who may set roles, clients or passwords could take any administration scope. So a change that concerns scopes which the
 * caller lacks is refused: null if it is allowed.
 */
export function refusalBeyond({ scopes }: Administrator, concerned: readonly AdminScope[]): Refusal | null {
  const lacking = concerned.filter((scope) => !scopes.includes(scope))
  return lacking.length === 0
    ? null
    : refuse('access_denied', `This concerns scopes that the caller lacks: ${lacking.join(', ')}.`)
}
