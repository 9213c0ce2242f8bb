import type { KeptEvent } from '../stores/audit-events.ts'
import type { SecurityEvent } from './security-event.ts'

type Words = { [type in SecurityEvent['type']]: (detail: KeptEvent['detail']) => string }

const ENDED: Record<string, string> = {
  logout: 'the user logged out',
  logout_all: 'the user ended all sessions',
  session_ended: 'the user ended it from another session',
  session_limit: 'the user had as many sessions as are allowed, and this one was not used for the longest time',
  password_changed: 'the password was changed',
  reuse: 'an old refresh token was used again',
  disabled: 'the account was disabled',
  admin: 'an operator ended it',
  restored: 'Postgres was restored from an older copy, and nobody knew whether it had ended since',
}

const WORDS: Words = {
  registered: () => 'The account was made.',
  login: ({ ip }) => `Logged in from ${ip}.`,
  login_refused: ({ ip, reason }) => `A login from ${ip} was refused: ${String(reason).replaceAll('_', ' ')}.`,
  refresh_refused: ({ reason }) => `A refresh was refused: ${String(reason).replaceAll('_', ' ')}.`,
  reuse: ({ generation, redeemed }) =>
    `Refresh token ${generation} was used when ${redeemed} had been used already: somebody has a copy of it, or a backup was restored.`,
  late_repeat: ({ generation }) =>
    `Refresh token ${generation} was used twice, the second time late: an answer was lost on the way, or somebody has a copy of it.`,
  gap: ({ generation, missing }) =>
    `Refresh token ${generation} was used with ${missing} before it unseen: a store had lost its last moments.`,
  revoked: ({ reason, sessions }) =>
    `${sessions === undefined ? 'The session' : `${sessions} sessions`} ended: ${ENDED[String(reason)] ?? String(reason)}.`,
  password_changed: () => 'The password was changed.',
  account_rolled_back: () => 'Postgres was restored from an older copy: the password may be an older one.',
  postgres_restored: ({ reason, revoked }) =>
    `Postgres was an older copy and was restored by ${reason === 'server' ? 'a server' : 'an operator'}; ${revoked} sessions were ended.`,
  key_made: ({ kid }) => `The signing key ${kid} was made.`,
  key_removed: ({ kid }) => `The signing key ${kid} was removed.`,
}

/** What happened, in words that can be read to the user. */
export function inWords({ type, detail, times }: Pick<KeptEvent, 'type' | 'detail' | 'times'>): string {
  const words = Object.hasOwn(WORDS, type) ? WORDS[type as keyof Words](detail) : type
  return times > 1 ? `${words} That was the first of ${times} times that day.` : words
}
