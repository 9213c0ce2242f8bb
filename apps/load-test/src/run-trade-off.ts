import { setTimeout as sleep } from 'node:timers/promises'
import { ClientError, createClient } from '@heirloom/client'
import type { TradeOffOptions } from './arguments.ts'
import type { Credentials } from './engine/engine-context.ts'
import { measure } from './measure/measure.ts'
import { PROFILES, type Profile } from './profiles.ts'
import { type VerifierGroup, fillList, measureLists } from './measure-lists.ts'
import type { LifetimePoint, TradeOff } from './result.ts'
import { LocalStack } from './stack/local-stack.ts'
import { openEngines } from './sessions.ts'
import { registerUsers } from './users.ts'
import { number } from '@heirloom/harness/numbers'

/** Clients that only read, so that each request to the auth server is a refresh. */
const READING: Profile = { ...PROFILES.browse, twoTabs: 0, lostAnswers: 0, logouts: 0 }

/** Sessions that log out, with access tokens of different ages. */
const LEAVING = 6
const POLL_MS = 200

const TTLS_SECONDS = [1, 2, 5, 10, 20]
const WAITS_AT_TTL_SECONDS = 5
const VERIFIERS = 20
const LOGOUTS = { durationMs: 60_000, perSecond: 10 }

export async function runTradeOff(options: TradeOffOptions, say: (line: string) => void): Promise<TradeOff> {
  const measured = await runLists(say)
  return { lifetimes: await runLifetimes(options, say), lists: measured.points, refreshBytes: measured.refreshBytes }
}

/** Measures all ways to follow a list at the same time, each with its own auth server and verifiers. */
async function runLists(say: (line: string) => void): Promise<Awaited<ReturnType<typeof measureLists>>> {
  const stack = new LocalStack()
  try {
    say(`Starting the stores and ${TTLS_SECONDS.length} auth servers with status lists ...`)
    const settings = TTLS_SECONDS.map((seconds) => ({ STATUS_TTL_SECONDS: String(seconds) }))
    await stack.start(settings, fillList(LOGOUTS.perSecond))
    const groupOf = (ttlSeconds: number, mode: VerifierGroup['mode']): VerifierGroup => {
      const authUrls = [stack.authServers[TTLS_SECONDS.indexOf(ttlSeconds)]?.service.url ?? '']
      return { mode, ttlSeconds, verifiers: VERIFIERS, threads: 1, authUrls, isLight: true }
    }
    say(`Measuring for about ${number(LOGOUTS.durationMs / 1_000 + 30)} s ...`)
    const groups = TTLS_SECONDS.map((seconds) => groupOf(seconds, 'polling'))
    return await measureLists(stack, [...groups, groupOf(WAITS_AT_TTL_SECONDS, 'waiting')], LOGOUTS)
  } finally {
    await stack.stop()
  }
}

/** Measures all lifetimes at the same time, each with its own auth server and clients. */
async function runLifetimes(
  { lifetimes, clients }: TradeOffOptions,
  say: (line: string) => void,
): Promise<LifetimePoint[]> {
  const stack = new LocalStack()
  try {
    say(`Starting the stores, ${lifetimes.length} auth-server(s) without status lists, and a replica ...`)
    const seconds = lifetimes.map((ms) => String(Math.round(ms / 1000)))
    await stack.start(seconds.map((ttl) => ({ ACCESS_TOKEN_TTL_SECONDS: ttl, STATUS_TTL_SECONDS: '0' })))
    await stack.startReplicas(1)
    const authUrls = stack.authServers.map(({ service }) => service.url)
    const apiUrl = stack.replicas[0]?.service.url ?? ''
    const users = await registerUsers(authUrls[0] ?? '', 1)
    const groups = await Promise.all(
      lifetimes.map(async (lifetimeMs, i) => {
        const authUrl = authUrls[i] ?? ''
        const context = { profile: READING, authUrls: [authUrl], apiUrls: [apiUrl] }
        const engines = await openEngines({ threads: 1, clients, users, stack, say, ...context })
        return { lifetimeMs, authUrl, engines }
      }),
    )
    const longestMs = Math.max(...lifetimes)
    say(`Measuring for about ${number(longestMs / 1000 + 10)} s ...`)
    return await Promise.all(
      groups.map(async ({ lifetimeMs, authUrl, engines }) => {
        const load = { model: 'paced', thinkMs: lifetimeMs / 20 } as const
        const [{ measured }, logoutTookSeconds] = await Promise.all([
          measure({ engines, stack: null, load, durationMs: longestMs, onSecond: () => {} }),
          Promise.all(
            Array.from({ length: LEAVING }, (_, i) =>
              logoutTook({ authUrl, apiUrl, user: users[0], afterMs: (lifetimeMs * 0.85 * i) / (LEAVING - 1) }),
            ),
          ),
        ])
        await engines.close()
        const callsPerSecond = (measured.operations.refresh?.count ?? 0) / (longestMs / 1000) / clients
        return { lifetimeSeconds: lifetimeMs / 1000, callsPerSecond, logoutTookSeconds }
      }),
    )
  } finally {
    await stack.stop()
  }
}

interface Leaving {
  authUrl: string
  apiUrl: string
  user: Credentials | undefined
  /** The age of the access token at the logout, in milliseconds. */
  afterMs: number
}

/** Returns the seconds from the logout until the service refuses the access token. */
async function logoutTook({ authUrl, apiUrl, user, afterMs }: Leaving): Promise<number> {
  if (!user) throw new Error('there is no user')
  const client = createClient({ authServer: authUrl, resources: [apiUrl] })
  // Several log in at once, so the server may answer 503.
  for (let waitMs: number | null = 0; waitMs !== null;) {
    await sleep(waitMs)
    waitMs = await client.login(user).then(
      () => null,
      (error: unknown) => {
        if (error instanceof ClientError && error.code === 'unavailable') return error.retryAfterMs || POLL_MS
        throw error
      },
    )
  }
  const headers = { authorization: `Bearer ${await client.accessToken()}` }
  await sleep(afterMs)
  await client.logout()
  const began = performance.now()
  for (;;) {
    const response = await fetch(`${apiUrl}/api/me`, { headers })
    await response.body?.cancel()
    if (response.status === 401) return (performance.now() - began) / 1000
    await sleep(POLL_MS)
  }
}
