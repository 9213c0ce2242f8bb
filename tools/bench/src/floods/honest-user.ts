import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { VICTIM } from './kinds.ts'
import { HOME, PASSWORD, type Tokens, send } from './context.ts'

const REFRESH_EVERY_MS = 100
const LOGIN_EVERY_MS = 1_000
/** The wait that `Retry-After` asks for. */
const AGAIN_AFTER_MS = 1_000

export interface Experience {
  /** Milliseconds per refresh. */
  refreshes: number[]
  /** Milliseconds per login, including the waits that a 503 asked for. */
  logins: number[]
  /** Answers that an honest user must not get. */
  refused: string[]
}

/** A user who refreshes ten times a second and logs in once a second until stopped. */
export function honestUser(url: string) {
  const pool = new Pool(url, { connections: 2 })
  const stop = new AbortController()
  const seen: Experience = { refreshes: [], logins: [], refused: [] }

  /** Repeats a request on 503. Returns null if it was stopped or refused. */
  const postUntilDecided = async (path: string, body: object): Promise<Tokens | null> => {
    while (!stop.signal.aborted) {
      const answer = await send(pool, { method: 'POST', path, body }, HOME)
      if (answer.status === 200) return answer.body as unknown as Tokens
      if (answer.status !== 503) {
        seen.refused.push(`${path} ${answer.status}`)
        return null
      }
      await sleep(AGAIN_AFTER_MS)
    }
    return null
  }
  const credentials = { username: VICTIM, password: PASSWORD }
  const timed = async (list: number[], path: string, body: object) => {
    const began = performance.now()
    const tokens = await postUntilDecided(path, body)
    if (tokens) list.push(performance.now() - began)
    return tokens
  }

  const refreshing = async () => {
    let tokens = await postUntilDecided('/auth/login', credentials)
    const extra = tokens ? 1 : 0
    while (tokens && !stop.signal.aborted) {
      await sleep(REFRESH_EVERY_MS)
      tokens = await timed(seen.refreshes, '/auth/refresh', { refresh_token: tokens.refresh_token })
    }
    return extra
  }
  const loggingIn = async () => {
    while (!stop.signal.aborted) {
      await timed(seen.logins, '/auth/login', credentials)
      await sleep(LOGIN_EVERY_MS)
    }
  }
  const both = Promise.all([refreshing(), loggingIn()])
  return {
    /** Returns what the user saw, and the number of sessions opened. */
    async stop(): Promise<Experience & { sessions: number }> {
      stop.abort()
      const [extra] = await both
      await pool.destroy()
      return { ...seen, sessions: seen.logins.length + extra }
    },
  }
}
