import { setTimeout as sleep } from 'node:timers/promises'
import { ISSUER } from '@heirloom/harness/services'
import { integer } from '@heirloom/harness/numbers'
import { Pool } from 'undici'
import type { RevocationOptions } from './arguments.ts'
import { Verifiers } from './engine/verifiers.ts'
import type { RevocationPoint } from './result.ts'
import { LocalStack } from './stack/local-stack.ts'
import { registerUsers } from './users.ts'

const WAIT_SECONDS = 20
const AT_ONCE = 16

/** Sessions log out at one server, while verifiers poll the lists of all servers, and then while they wait there. */
export async function runRevocation(
  options: RevocationOptions,
  say: (line: string) => void,
): Promise<RevocationPoint[]> {
  const { verifiers: count, duration, rate } = options
  const stack = new LocalStack()
  try {
    say('Starting the stores and 2 auth servers ...')
    await stack.start([{}, {}])
    const points: RevocationPoint[] = []
    for (const mode of ['polling', 'waiting'] as const) points.push(await measureMode(stack, mode, options, say))
    say(`${integer(count)} verifiers, ${integer((duration / 1_000) * rate)} logouts for each.`)
    return points
  } finally {
    await stack.stop()
  }
}

async function measureMode(
  stack: LocalStack,
  mode: RevocationPoint['mode'],
  { verifiers: count, threads, duration, rate }: RevocationOptions,
  say: (line: string) => void,
): Promise<RevocationPoint> {
  const authUrls = stack.authServers.map(({ service }) => service.url)
  const pool = new Pool(authUrls[0] ?? '', { connections: AT_ONCE })
  const waitSeconds = mode === 'waiting' ? WAIT_SECONDS : 0
  const verifiers = new Verifiers(threads, authUrls, { count, issuer: ISSUER, waitSeconds })
  try {
    say(`Opening sessions, and ${integer(count)} verifiers that are ${mode} ...`)
    const sessions = await openSessions(stack, pool, authUrls[0] ?? '', Math.ceil((duration / 1_000) * rate) + 1)
    const [{ accessToken: lasting } = { accessToken: '' }, ...leaving] = sessions
    await verifiers.accept(lasting)
    for (const { accessToken } of leaving.slice(0, 1)) await verifiers.accept(accessToken)
    await verifiers.beginToCount()
    const began = performance.now()
    await Promise.all(
      leaving.map(async ({ refreshToken, accessToken }, i) => {
        await sleep(Math.max(0, began + (i * 1_000) / rate - performance.now()))
        const { status } = await post(pool, '/auth/logout', refreshToken)
        if (status !== 204) throw new Error(`a logout was answered ${status}`)
        verifiers.refuse(accessToken)
      }),
    )
    const seconds = (performance.now() - began) / 1_000
    const { fetches, bytes } = await verifiers.requests()
    const delaysMs = await verifiers.delaysMs()
    return {
      mode,
      verifiers: count,
      logoutsPerSecond: leaving.length / seconds,
      delays: histogramOf(delaysMs),
      p50Ms: at(delaysMs, 0.5),
      p99Ms: at(delaysMs, 0.99),
      mostMs: delaysMs.at(-1) ?? 0,
      fetchesPerSecond: fetches / seconds / count,
      bytesPerSecond: bytes / seconds / count,
    }
  } finally {
    await verifiers.close()
    await pool.destroy()
  }
}

async function openSessions(stack: LocalStack, pool: Pool, authUrl: string, count: number) {
  const [user] = await registerUsers(authUrl, 1)
  const waiting = await stack.seedSessions(Array.from({ length: count }, () => user?.username ?? ''))
  const opened: { accessToken: string; refreshToken: string }[] = []
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let session = waiting.pop(); session; session = waiting.pop()) {
        const { body } = await post(pool, '/auth/refresh', session.refreshToken)
        const tokens = JSON.parse(body) as { access_token: string; refresh_token: string }
        opened.push({ accessToken: tokens.access_token, refreshToken: tokens.refresh_token })
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
