import { setTimeout as sleep } from 'node:timers/promises'
import { ISSUER } from '@heirloom/harness/services'
import pg from 'pg'
import { Pool } from 'undici'
import { Verifiers } from './engine/verifiers.ts'
import type { RevocationPoint } from './result.ts'
import type { LocalStack } from './stack/local-stack.ts'
import { registerUsers } from './users.ts'

/** Verifiers that all follow the list in the same way. */
export interface VerifierGroup {
  mode: RevocationPoint['mode']
  /** `STATUS_TTL_SECONDS` of their servers. */
  ttlSeconds: number
  verifiers: number
  threads: number
  authUrls: readonly string[]
  isLight: boolean
}

export interface Logouts {
  durationMs: number
  perSecond: number
}

const WAIT_SECONDS = 20
const AT_ONCE = 16
const SESSIONS = 1_000_000
/** How long a revocation is listed, with the default lifetime of access tokens. */
const LISTED_SECONDS = 970

/** Makes the list as large as it is with a million sessions, and with this rate all the time. Before servers start. */
export const fillList =
  (logoutsPerSecond: number) =>
  async (superuserUrl: string): Promise<void> => {
    const client = new pg.Client({ connectionString: superuserUrl })
    await client.connect()
    await client.query("SELECT setval('families_status_index_seq', $1)", [SESSIONS])
    await client.query(
      `INSERT INTO revocations (at, status_indexes)
       SELECT now() - random() * $1 * interval '1 second', ARRAY[(random() * $2)::bigint] FROM generate_series(1, $3::int)`,
      [LISTED_SECONDS, SESSIONS, Math.round(LISTED_SECONDS * logoutsPerSecond)],
    )
    await client.end()
  }

/** Sessions log out at one server, while groups of verifiers follow the lists of theirs. */
export async function measureLists(
  stack: LocalStack,
  groups: readonly VerifierGroup[],
  { durationMs, perSecond }: Logouts,
): Promise<{ points: RevocationPoint[]; refreshBytes: number }> {
  const authUrl = stack.authServers[0]?.service.url ?? ''
  const pool = new Pool(authUrl, { connections: AT_ONCE })
  const followed = groups.map((group) => {
    const { threads, authUrls, verifiers: count, mode, isLight } = group
    const waitSeconds = mode === 'waiting' ? WAIT_SECONDS : 0
    return { group, verifiers: new Verifiers(threads, authUrls, { count, issuer: ISSUER, waitSeconds, isLight }) }
  })
  const each = <T>(act: (verifiers: Verifiers) => Promise<T>) =>
    Promise.all(followed.map(({ verifiers }) => act(verifiers)))
  try {
    const sessions = await openSessions(stack, pool, authUrl, Math.ceil((durationMs / 1_000) * perSecond) + 1)
    const [lasting, ...leaving] = sessions
    // The first verdict on a token takes longer.
    for (const one of [lasting, leaving[0]]) await each((verifiers) => verifiers.accept(one?.accessToken ?? ''))
    await each((verifiers) => verifiers.beginToCount())
    const [began, cpuBefore] = [performance.now(), process.cpuUsage()]
    await Promise.all(
      leaving.map(async ({ refreshToken, accessToken }, i) => {
        await sleep(Math.max(0, began + (i * 1_000) / perSecond - performance.now()))
        const { status } = await post(pool, '/auth/logout', refreshToken)
        if (status !== 204) throw new Error(`a logout was answered ${status}`)
        for (const { verifiers } of followed) verifiers.refuse(accessToken)
      }),
    )
    const seconds = (performance.now() - began) / 1_000
    const cpu = process.cpuUsage(cpuBefore)
    const points = await Promise.all(
      followed.map(async ({ group: { mode, ttlSeconds, verifiers: count }, verifiers }) => {
        const { fetches, bytes } = await verifiers.requests()
        const delaysMs = await verifiers.delaysMs()
        return {
          mode,
          ttlSeconds,
          verifiers: count,
          logoutsPerSecond: leaving.length / seconds,
          delays: histogramOf(delaysMs),
          p50Ms: at(delaysMs, 0.5),
          p99Ms: at(delaysMs, 0.99),
          mostMs: delaysMs.at(-1) ?? 0,
          fetchesPerSecond: fetches / seconds / count,
          bytesPerSecond: bytes / seconds / count,
          generatorCores: (cpu.user + cpu.system) / 1e6 / seconds,
        }
      }),
    )
    return { points, refreshBytes: lasting?.bytes ?? 0 }
  } finally {
    await each((verifiers) => verifiers.close())
    await pool.destroy()
  }
}

async function openSessions(stack: LocalStack, pool: Pool, authUrl: string, count: number) {
  const [user] = await registerUsers(authUrl, 1)
  const waiting = await stack.seedSessions(Array.from({ length: count }, () => user?.username ?? ''))
  const opened: { accessToken: string; refreshToken: string; bytes: number }[] = []
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let session = waiting.pop(); session; session = waiting.pop()) {
        const { body } = await post(pool, '/auth/refresh', session.refreshToken)
        const tokens = JSON.parse(body) as { access_token: string; refresh_token: string }
        opened.push({ accessToken: tokens.access_token, refreshToken: tokens.refresh_token, bytes: body.length })
      }
    }),
  )
  return opened
}

async function post(pool: Pool, path: string, token: string): Promise<{ status: number; body: string }> {
  const headers = { 'content-type': 'application/json' }
  const answer = await pool.request({ method: 'POST', path, headers, body: JSON.stringify({ refresh_token: token }) })
  return { status: answer.statusCode, body: await answer.body.text() }
}

/** In steps of a tenth of a second: the share of tokens and verifiers. */
function histogramOf(delaysMs: readonly number[]): [seconds: number, share: number][] {
  const steps = Math.floor((delaysMs.at(-1) ?? 0) / 100) + 1
  const counts = Array.from({ length: steps }, () => 0)
  for (const ms of delaysMs) {
    const step = Math.floor(ms / 100)
    counts[step] = (counts[step] ?? 0) + 1
  }
  return counts.map((n, step) => [(step + 0.5) / 10, n / delaysMs.length])
}

const at = (sorted: readonly number[], share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? 0
