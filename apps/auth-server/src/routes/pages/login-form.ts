import { shownText } from '@heirloom/http-service'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Page } from '../../pages/page.ts'
import type { Refusal } from '../../services/refusal.ts'
import { MAX_DEVICE_LENGTH } from '../tokens.ts'
import type { FormState } from './form-tokens.ts'
import type { Pages } from './pages.ts'

interface LoginForm {
  action: string
  state: FormState
  clientName: string
  /** Where the form may lead besides this server. */
  formAction?: string
}

export interface RefusedLogin {
  refusal: Pick<Refusal, 'error' | 'description' | 'retryAfterSeconds'>
  username: string
  /** The form had the field for a new password. */
  hadNewPassword?: boolean
}

export function showLogin(
  pages: Pages,
  reply: FastifyReply,
  { action, state, clientName, formAction }: LoginForm,
  refused?: RefusedLogin,
): FastifyReply {
  const page: Page = {
    kind: 'login',
    action,
    formToken: pages.forms.issue(state),
    clientName,
    username: refused?.username ?? '',
    problem: refused ? problemOf(refused.refusal) : null,
    asksNewPassword: refused?.refusal.error === 'new_password_required' || refused?.hadNewPassword === true,
  }
  if (refused?.refusal.retryAfterSeconds !== undefined)
    reply.header('retry-after', String(refused.refusal.retryAfterSeconds))
  return pages.show(reply, refused ? statusOf(refused.refusal) : 200, page, formAction)
}

/** Not 401, which needs a challenge (RFC 9110, section 15.5.2). */
export const statusOf = ({ error }: Pick<Refusal, 'error'>) => (error === 'too_many_attempts' ? 429 : 400)

export const problemOf = ({ error, description }: Pick<Refusal, 'error' | 'description'>): string =>
  error === 'new_password_required'
    ? 'You must change your password. Enter the current one again, and choose a new one.'
    : description

export const FORM_EXPIRED = {
  error: 'invalid_request',
  description: 'This page was open for too long, or you have logged out since. Log in again.',
} as const

export const NO_COOKIE = {
  error: 'invalid_request',
  description:
    'Your browser did not keep the login cookie. Unless you have logged out since, allow cookies for this site. Then log in again.',
} as const

/** Where a login comes from, as the session keeps it. */
export function howOf({ headers, ip }: FastifyRequest) {
  const agent = headers['user-agent']
  return { device: agent === undefined ? null : shownText(agent, MAX_DEVICE_LENGTH), ip }
}
