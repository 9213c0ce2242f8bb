import { type Answer, type Call, askAuthServer, unavailable } from './auth-server.ts'
import { discard, isRedirect } from './body.ts'
import { ClientError } from './client-error.ts'
import type { ClientEvent } from './client-event.ts'
import type { Client, CoreOptions } from './client.ts'
import { type Delivery, isOver } from './delivery.ts'
import { isInvalidToken } from './invalid-token.ts'
import { checkMs, originOf, readBase, readOrigin } from './options.ts'
import { orAborted } from './or-aborted.ts'
import { createPace } from './pace.ts'
import { type Runtime, systemRuntime } from './runtime.ts'
import { type Session, UNKNOWN } from './session.ts'
import { createSessionKeeper } from './session-keeper.ts'
import { memoryStore } from './session-store.ts'
import type { createTabStore } from './tab-store.ts'
import { createTokenKeeper } from './token-keeper.ts'
import { within } from './within.ts'
import { withLock } from './with-lock.ts'

/** Two retries of an unanswered refresh then fall within the server's grace period (10 s), which allows any number of retries. */
const TIMEOUT_MS = 4_000

/** A younger token is not refused for its age, so a newer one would not help. */
const YOUNG_MS = 10_000

/** A user who logs out does not wait long. */
const [LOGOUT_TRIES, LOGOUT_WAIT_MS] = [3, 3_000]

/** What clients have in common, however their users log in. */
export interface Core {
  readonly client: Omit<Client, 'login'>
  /** The base URL of the auth server, without a slash at its end. */
  readonly base: string
  readonly runtime: Runtime
  readonly ask: (call: Call) => Promise<Answer | ClientError>
  /** Opens the session that the request answers. */
  readonly enter: (request: () => Promise<Session>) => Promise<void>
}

/**
 * @param createTabs if all tabs have one session, by its cookie
 * @throws TypeError as `createClient` does
 */
export function createCore(options: CoreOptions, delivery: Delivery, createTabs?: typeof createTabStore): Core {
  const { timeoutMs = TIMEOUT_MS, retryForMs = 20_000 } = options
  checkMs('timeoutMs', timeoutMs, 1)
  checkMs('retryForMs', retryForMs, 0)
  const base = readBase(options.authServer)
  const origins = new Set(options.resources.map(readOrigin))
  const runtime = { ...systemRuntime, ...options.runtime }
  const onEvent = (event: ClientEvent) => {
    try {
      options.onEvent?.(event)
    } catch {
      // An error of the listener must not replace the outcome of a call.
    }
  }
  const credentials = delivery.inCookie ? 'include' : 'omit'
  const post = ({ path, body }: Call, signal: AbortSignal) =>
    askAuthServer(runtime, base + path, body, credentials, signal)
  const unanswered = unavailable(base, 'is unavailable')
  const ask = (call: Call) => within(timeoutMs, (signal) => post(call, signal), unanswered)
  const name = `heirloom ${base} ${options.clientId ?? ''}`
  const tabs = createTabs?.(name, runtime)
  const store = tabs ?? options.store ?? memoryStore()
  const lockName = tabs ? name : options.store?.lockName
  const sessions = createSessionKeeper(store, runtime, onEvent)
  const tokens = createTokenKeeper({
    runtime,
    sessions,
    send: post,
    unanswered,
    delivery,
    lockName,
    tabs,
    timeoutMs,
    retryForMs,
    onEvent,
  })
  /** All tabs have one cookie, so only one of them at a time may change it. No late answer to a refresh may undo this work. */
  const exclusively = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!tabs) return work()
    return withLock(runtime.locks, lockName, () => {
      tokens.stop()
      tabs.tell({ stop: true })
      return work()
    })
  }
  if (tabs?.isLeaving) notifyServer(UNKNOWN).catch(() => undefined)

  return {
    base,
    runtime,
    ask,
    async enter(request) {
      const turn = sessions.nextTurn()
      await exclusively(async () => {
        const session = await request()
        try {
          await sessions.enter(session, turn)
        } catch (error) {
          // The new session is not used, so end it. Its cookie must not be there when the next login begins.
          const ended = ask(delivery.logout(session)).catch(() => undefined)
          if (tabs) await ended
          throw error
        }
      })
      onEvent({ type: 'logged_in' })
    },
    client: {
      async fetch(target, init = {}) {
        const own = sessions.own()
        const address = new URL(target, (globalThis as { location?: { href: string } }).location?.href)
        const origin = originOf(address)
        if (origin === null || !origins.has(origin)) {
          throw new ClientError('address_not_allowed', `${origin ?? address.protocol} is not among the resources.`)
        }
        const headers = new Headers(init.headers)
        const send = async ({ accessToken }: Session) => {
          headers.set('authorization', `Bearer ${accessToken}`)
          const response = await runtime.fetch(address, { ...init, headers, redirect: init.redirect ?? 'manual' })
          if (init.redirect !== undefined || !isRedirect(response)) return response
          discard(response)
          // It could send the token elsewhere.
          throw new ClientError('redirected', `${origin} answered with a redirect.`)
        }
        const session = await orAborted(tokens.session(own), init.signal)
        const response = await send(session)
        const age = sessions.ageOf(session)
        if ((age >= 0 && age < YOUNG_MS) || !canBeSentAgain(init.body)) return response
        if (!(await isInvalidToken(response, timeoutMs))) return response
        discard(response)
        return send(await orAborted(tokens.renew(own, session.accessToken), init.signal))
      },

      async accessToken({ signal } = {}) {
        return (await orAborted(tokens.session(sessions.own()), signal)).accessToken
      },

      async isLoggedIn() {
        try {
          const own = sessions.own()
          if ((await sessions.read(own)) === UNKNOWN) await tokens.session(own)
          return true
        } catch (error) {
          if (error instanceof ClientError && /^(?:not_logged_in|session_)/.test(error.code)) return false
          throw error
        }
      },

      async logout() {
        return { serverNotified: await sessions.leave(notifyServer) }
      },
    },
  }

  async function notifyServer(session: Session): Promise<boolean> {
    const pace = createPace(runtime)
    if (tabs) tabs.isLeaving = true
    for (let tries = 0; tries < LOGOUT_TRIES; tries++) {
      const waitMs = pace.waitMs()
      if (waitMs > LOGOUT_WAIT_MS) return false
      await runtime.sleep(waitMs)
      const answer = await exclusively(async () => {
        const kept = tabs?.load()
        // The cookie belongs to a later login.
        if (kept?.sessionId && kept.sessionId !== session.sessionId) return null
        return ask(delivery.logout(session))
      })
      if (answer === null || (answer instanceof ClientError && answer.code === 'misconfigured')) return false
      if (!(answer instanceof ClientError) && answer.status !== 429) {
        const isDone = answer.status < 300 || isOver(answer, delivery)
        if (tabs && isDone) tabs.isLeaving = false
        return isDone
      }
      pace.failed(answer.retryAfterMs)
    }
    return false
  }
}

/** A stream can be sent only once. Not every platform has `ReadableStream`. */
const canBeSentAgain = (body: unknown) => !('getReader' in Object(body) || Symbol.asyncIterator in Object(body))
