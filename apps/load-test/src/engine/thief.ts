import { isUnanswered } from './auth-fetch.ts'
import type { Answer } from './servers.ts'
import type { Outcome } from './tally.ts'
import type { Credentials, EngineContext } from './engine-context.ts'

/** A server may be restarting. */
const TRIES = 5

/**
 * Plays a stolen refresh token: the owner refreshes twice, then the thief presents the copy. The copy must be refused, and the
 * session must end for both.
 */
export async function stealToken({ callsOf, tally }: EngineContext, user: Credentials): Promise<void> {
  const { username, password } = user
  const calls = callsOf(user)
  const post = async (path: string, body: object): Promise<Answer> => {
    let answer = await calls(path, JSON.stringify(body))
    for (let tries = 1; tries < TRIES && isUnanswered(answer.status); tries++)
      answer = await calls(path, JSON.stringify(body))
    return answer
  }
  const refresh = (token: string) => post('/auth/refresh', { refresh_token: token })

  const copied = tokenOf(await post('/auth/login', { username, password }))
  const second = copied && tokenOf(await refresh(copied))
  const newest = second && tokenOf(await refresh(second))
  // The owner could not log in, so there was no theft.
  if (!newest) return
  const began = performance.now()
  const ofThief = await refresh(copied)
  const ofOwner = await refresh(newest)
  const ms = performance.now() - began
  const worst = outcomeOf(ofThief) === 'ok' ? ofOwner : ofThief
  const { status, server } = worst
  const outcome = outcomeOf(worst)
  tally.add({ operation: 'theft', outcome, status, server, serviceMs: ms, responseMs: ms })
  if (outcome === 'ok') return
  const what = worst === ofThief ? 'refresh with the copy' : 'refresh by the owner, after the copy was refused'
  const sent = [{ at: Date.now() - ms, tab: 1, what, answer: { status, server, ms, code: '' } }]
  tally.anomaly({ at: Date.now(), operation: 'theft', outcome, client: 0, sid: '', sent })
}

function outcomeOf({ status, body }: Answer): Outcome {
  if (status === 200) return 'breach'
  return status === 400 && body.includes('"invalid_grant"') ? 'ok' : 'failed'
}

function tokenOf({ status, body }: Answer): string {
  try {
    return status === 200 ? (JSON.parse(body) as { refresh_token: string }).refresh_token : ''
  } catch {
    return ''
  }
}
