import type { KeptEvent } from '../stores/audit-events.ts'
import type { SecurityEvent } from './security-event.ts'

type Descriptions = { [type in SecurityEvent['type']]: (detail: KeptEvent['detail']) => string }

const ENDED: Record<string, string> = {
  logout: 'the user logged out',
  logout_all: 'the user ended all sessions',
  session_ended: 'the user ended it from another session',
  consent_withdrawn: 'the user withdrew access from the application',
  session_limit: 'the user had reached the session limit, and this was the least recently used session',
  password_changed: 'the password was changed',
  reuse: 'an old refresh token was used again',
  disabled: 'the account was disabled',
  deleted: 'the user was deleted',
  client_disabled: 'its client was disabled or removed',
  admin: 'an operator ended it',
  restored: 'Postgres was restored from an older copy, and the session may have ended since that copy was made',
}

const DESCRIPTIONS: Descriptions = {
  registered: () => 'The account was created.',
  users_imported: ({ users }) => `${users} accounts were imported.`,
  login: ({ ip }) => `Logged in from ${ip}.`,
  authorized: ({ clientId, ip }) => `Logged in to the application ${clientId} from ${ip}.`,
  consent_given: ({ clientId }) => `The application ${clientId} was given access.`,
  consent_withdrawn: ({ clientId, sessions }) =>
    `Access was withdrawn from the application ${clientId}, and ${sessions} of its sessions were ended.`,
  login_refused: ({ ip, reason }) => `A login from ${ip} was refused: ${String(reason).replaceAll('_', ' ')}.`,
  client_refused: ({ ip, reason, clientId }) =>
    `The client ${clientId ?? 'of a request'} was refused at ${ip}: ${String(reason).replaceAll('_', ' ')}.`,
  refresh_refused: ({ reason }) => `A refresh was refused: ${String(reason).replaceAll('_', ' ')}.`,
  reuse: ({ generation, redeemed }) =>
    `Refresh token ${generation} was used after ${redeemed} had been used. Someone has a copy of it, or the client was restored from a backup.`,
  late_repeat: ({ generation }) =>
    `Refresh token ${generation} was used again after the grace period. A response was lost, or someone has a copy of it.`,
  gap: ({ generation, missing }) =>
    `Refresh token ${generation} was used, but the ${missing} before it were never seen. A store had lost its latest updates.`,
  revoked: ({ reason, sessions }) =>
    `${sessions === undefined ? 'The session' : `${sessions} sessions`} ended: ${ENDED[String(reason)] ?? String(reason)}.`,
  claims_left_out: ({ claims }) =>
    `The claims ${String(claims).replaceAll(' ', ', ')} were left out of a token that would have been too large.`,
  password_changed: () => 'The password was changed.',
  account_changed: ({ members, roles }) =>
    `The account was changed: ${String(members).replaceAll(' ', ', ').replaceAll('_', ' ')}.` +
    (roles === undefined ? '' : ` Its roles are ${roles === '' ? 'none' : String(roles).replaceAll(' ', ', ')}.`),
  lockout_lifted: () => 'The count of failed logins was reset, so the user can try again.',
  user_exported: () => 'All data about the user was exported.',
  user_deleted: ({ user, sessions }) =>
    `The user whose id has the SHA-256 ${user} was deleted, with ${sessions} sessions.`,
  deleted_again: ({ users }) => `A backup had brought back ${users} deleted users. They were deleted again.`,
  account_rolled_back: () => 'Postgres was restored from an older copy, so the password may be an old one.',
  postgres_restored: ({ reason, revoked }) =>
    `Postgres had been replaced by an older copy. ${reason === 'server' ? 'A server' : 'An operator'} restored it, and ${revoked} sessions were ended.`,
  key_made: ({ kid }) => `The signing key ${kid} was created.`,
  realm_changed: ({ row, id, change, members, rows }) =>
    rows === undefined
      ? `The ${row} ${id} was ${change}${change === 'changed' ? `: ${String(members).replaceAll(' ', ', ')}` : ''}.`
      : `${rows} rows of the realm were changed.`,
  key_removed: ({ kid }) => `The signing key ${kid} was removed.`,
}

/** Describes an event in a sentence or two for the user. */
export function describeEvent({ type, detail, times }: Pick<KeptEvent, 'type' | 'detail' | 'times'>): string {
  const description = Object.hasOwn(DESCRIPTIONS, type) ? DESCRIPTIONS[type as keyof Descriptions](detail) : type
  const by = detail['by'] === undefined ? '' : ` By ${detail['by']}.`
  return times > 1 ? `${description}${by} This happened ${times} times that day.` : description + by
}
