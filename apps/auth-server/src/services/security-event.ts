import type { RefusalReason } from '../rules/decide.ts'
import type { RevocationReason } from '../rules/family.ts'

/** What an operator wants to know afterwards. Never holds a token, a family id or a password. */
export type SecurityEvent =
  | { type: 'registered'; userId: string }
  | { type: 'login'; userId: string; sid: string; ip: string }
  | {
      type: 'login_refused'
      reason: 'unknown_user' | 'wrong_password' | 'disabled' | 'throttled' | 'changed_meanwhile'
      userId?: string
      ip: string
    }
  | { type: 'refresh_refused'; reason: RefusalReason | 'disabled'; userId: string; sid: string }
  | { type: 'reuse'; userId: string; sid: string; generation: number; redeemed: number }
  | { type: 'late_repeat'; userId: string; sid: string; generation: number }
  | { type: 'gap'; userId: string; sid: string; generation: number; missing: number }
  | { type: 'revoked'; userId: string; sid: string; reason: RevocationReason }
  | { type: 'password_changed'; userId: string }
  /** Its password, too, may be an older one. */
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

export type RecordEvent = (event: SecurityEvent) => void
