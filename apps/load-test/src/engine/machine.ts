import { setTimeout as sleep } from 'node:timers/promises'
import { ClientError } from '@heirloom/client'
import { codeOf, isUnanswered } from './auth-fetch.ts'
import type { EngineContext } from './engine-context.ts'
import { wrongOfMachine } from './expected.ts'
import type { Tab } from './load-client.ts'
import type { RequestLog } from './request-log.ts'
import type { Operation, Outcome } from './tally.ts'
import { standardCall } from './standard-call.ts'

/** A server may be restarting. */
const TRIES = 5
const PAUSE_MS = 500
/** It replaces a token after this share of its life, as our published client does. */
const USED = 0.8

/** A program that gets tokens for itself (RFC 6749, section 4.4) and keeps each one until it has nearly expired. */
export function machine(
  { auth, login, profile, tally }: EngineContext,
  requestLog: RequestLog,
  onAnomaly: (operation: Operation, outcome: Outcome, why?: string) => void,
): Tab & { age(): void } {
  let token = ''
  let [receivedAt, renewAt] = [0, 0]
  let fetching: Promise<void> | undefined

  async function fetchToken(operation: 'login' | 'refresh'): Promise<void> {
    for (let tries = 1; ; tries++) {
      const sent = requestLog.add({ at: Date.now(), tab: 1, what: operation })
      const began = performance.now()
      const answer = await standardCall(auth, login, '/oauth2/token', { grant_type: 'client_credentials' })
      const ms = performance.now() - began
      const { status, server } = answer
      const wrong = wrongOfMachine(answer)
      sent.answer = { status, server, ms, code: wrong ?? codeOf(answer) }
      const isDeferred = status === 429 || isUnanswered(status)
      const outcome = isDeferred ? 'deferred' : wrong !== null ? 'wrong' : status === 200 ? 'ok' : 'failed'
      tally.add({ operation, outcome, status, server, serviceMs: ms, responseMs: ms })
      if (outcome === 'ok') {
        const { access_token, expires_in } = JSON.parse(answer.body) as { access_token: string; expires_in: number }
        token = access_token
        receivedAt = performance.now()
        renewAt = receivedAt + USED * Math.min(profile.tokenLifetimeMs ?? Infinity, expires_in * 1_000)
        return
      }
      if (!isDeferred) onAnomaly(operation, outcome, wrong === null ? undefined : `POST /oauth2/token ${wrong}`)
      if (!isDeferred || tries === TRIES)
        throw new ClientError(isDeferred ? 'unavailable' : 'misconfigured', `the token endpoint answered ${status}`)
      await sleep(PAUSE_MS)
    }
  }
  const renew = (operation: 'login' | 'refresh') => {
    fetching ??= fetchToken(operation).finally(() => (fetching = undefined))
    return fetching
  }
  return {
    login: () => renew('login'),
    async accessToken() {
      if (token === '') throw new ClientError('not_logged_in', 'there is no token')
      if (performance.now() >= renewAt) await renew('refresh')
      return token
    },
    // There is no session to end: the token stays good until it expires.
    async logout() {
      token = ''
    },
    age() {
      renewAt = receivedAt + (renewAt - receivedAt) * Math.random()
    },
  }
}
