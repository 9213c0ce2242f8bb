import type { RefusalReason } from '../rules/decide-refresh.ts'
import type { RevocationReason } from '../rules/family.ts'
import type { RowChange } from '../rules/realm-changes.ts'
import { networkOf } from '../rules/network.ts'

/** What an operator may want to know later. It never holds a token, a family id or a password. */
export type SecurityEvent =
  | { type: 'registered'; userId: string }
  | { type: 'users_imported'; users: number }
  | { type: 'login'; userId: string; sid: string; ip: string }
  /** A session was opened by an authorization code. */
  | { type: 'authorized'; userId: string; sid: string; clientId: string; ip: string }
  | { type: 'consent_given'; userId: string; clientId: string }
  | { type: 'consent_withdrawn'; userId: string; clientId: string; sessions: number }
  | {
      type: 'login_refused'
      reason:
        | 'unknown_user'
        | 'wrong_password'
        | 'unreadable_hash'
        | 'disabled'
        | 'new_password_required'
        | 'throttled'
        | 'changed_meanwhile'
      userId?: string
      ip: string
    }
  | {
      type: 'client_refused'
      reason: 'unknown_client' | 'wrong_method' | 'wrong_secret' | 'disabled' | 'throttled'
      clientId?: string
      ip: string
    }
  | { type: 'refresh_refused'; reason: RefusalReason | 'disabled'; userId: string; sid: string }
  | { type: 'reuse'; userId: string; sid: string; generation: number; redeemed: number }
  | { type: 'late_repeat'; userId: string; sid: string; generation: number }
  | { type: 'gap'; userId: string; sid: string; generation: number; missing: number }
  /** Attributes would have made a token too large. */
  | { type: 'claims_left_out'; userId: string; sid: string; claims: string }
  | { type: 'revoked'; userId: string; sid: string; reason: RevocationReason }
  /** Many sessions of one user ended at once. The rows in `families` have the reason, too. */
  | { type: 'revoked'; userId: string; sessions: number; reason: RevocationReason }
  /** The same for the sessions of one client. */
  | { type: 'revoked'; clientId: string; sessions: number; reason: RevocationReason }
  | { type: 'password_changed'; userId: string }
  /** `members`: what was changed, separated by spaces. `roles`: those that the user has now, if they are among it. */
  | { type: 'account_changed'; userId: string; members: string; roles?: string }
  | { type: 'lockout_lifted'; userId: string }
  /** All that is kept of the user was read. */
  | { type: 'user_exported'; userId: string }
  /** `user`: SHA-256 of the user's id, which is no longer kept. */
  | { type: 'user_deleted'; user: string; sessions: number }
  /** A backup had brought deleted users back. */
  | { type: 'deleted_again'; users: number }
  /** The account was changed after the copy that Postgres was restored from. Its password may be an old one. */
  | { type: 'account_rolled_back'; userId: string }
  | {
      type: 'postgres_restored'
      reason: 'server' | 'operator'
      merged: number
      recovered: number
      revocations: number
      revoked: number
    }
  | { type: 'key_made' | 'key_removed'; kid: string }
  | { type: 'realm_changed'; row: RowChange['row']; id: string; change: RowChange['change']; members: string }
  /** Many rows of the realm changed at once. */
  | { type: 'realm_changed'; rows: number }

/**
 * Events that anyone can cause again and again share one row a day, which counts them. Events with the same key share a row;
 * null gives each event its own. `now` in milliseconds.
 */
export function repeatKey(event: SecurityEvent, now: number): string | null {
  const parts = distinguishing(event)
  return parts && [event.type, ...parts, new Date(now).toISOString().slice(0, 10)].join(' ')
}

/** No part contains a space: the parts are our own words, ids and networks. */
function distinguishing(event: SecurityEvent): (string | number)[] | null {
  switch (event.type) {
    case 'login_refused':
      return [event.reason, event.userId ?? '-', networkOf(event.ip)]
    case 'client_refused':
      return [event.reason, event.clientId ?? '-', networkOf(event.ip)]
    case 'refresh_refused':
      return [event.reason, event.sid]
    case 'revoked':
      return 'sid' in event ? [event.reason, event.sid] : null
    case 'reuse':
    case 'claims_left_out':
      return [event.sid]
    case 'late_repeat':
      return [event.sid, event.generation]
    case 'registered':
    case 'users_imported':
    case 'login':
    case 'authorized':
    case 'consent_given':
    case 'consent_withdrawn':
    case 'gap':
    case 'password_changed':
    case 'account_changed':
    case 'lockout_lifted':
    case 'user_exported':
    case 'user_deleted':
    case 'deleted_again':
    case 'account_rolled_back':
    case 'postgres_restored':
    case 'key_made':
    case 'key_removed':
    case 'realm_changed':
      return null
  }
}

/** Who did it, if it was done by administration: `user:`, `client:` or `command:`, and a name. */
export interface DoneBy {
  by?: string
}

export type RecordEvent = (event: SecurityEvent & DoneBy) => void
