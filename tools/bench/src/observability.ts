/**
 * What security events and metrics cost.
 *
 * Method: two servers differ only in observability. One is the real server, whose metrics are read once a second (Prometheus
 * reads about every 15 s). The other drops every event and neither counts nor times anything (peers/unobserved-auth-server.ts).
 * There are two loads: plain refreshes, which record no event, and one in which every tenth request repeats the previous
 * token without grace. That is a late repeat: a row, a log line and a counter.
 *
 * The servers take many short turns in the order ABBA. The cost is the difference of the CPU time of server and Postgres, by
 * the scheduler, as a share of the whole. The difference leaves out the threads of the pool, which only sign: they are equal in
 * both, and cause most of the noise. Two processes of the same code differ too, so each round starts new servers on new stores.
 * The median of the rounds counts, with a 95 % interval from the ranks of the sorted sample.
 */
import { fileURLToPath } from 'node:url'
import { freePort } from '@heirloom/local-stack'
import { Pool } from 'undici'
import { threadTimesUs, treeSchedulerTimeUs } from '@heirloom/harness/processes'
import { startAuthServer, startStores } from './servers.ts'
import { type Driven, drive, logIn, ourRefresh } from './sessions.ts'
import { median, medianInterval } from './statistics.ts'

export interface ObservabilityOptions {
  /** Each with two new servers. */
  rounds: number
  /** Per turn. */
  refreshes: number
  connections: number
}

const EVENT_EVERY = 10
const MAX_COST = 0.05
const SCRAPE_EVERY_MS = 1_000
/** Requests to each server until its code is compiled. */
const WARM_UP = 8_000
/** Server 0 is the observed one. */
const TURNS = Array.from({ length: 16 }, () => [0, 1, 1, 0]).flat()
const POOL = 'libuv-worker'

const LOADS = [
  { name: 'plain refreshes', events: false },
  { name: `requests of which one in ${EVENT_EVERY} is an event`, events: true },
]

export async function benchObservability({ rounds, ...shape }: ObservabilityOptions): Promise<void> {
  const shares = LOADS.map((): number[] => [])
  for (let round = 1; round <= rounds; round++) {
    for (const [i, share] of (await compare(shape)).entries()) shares[i]?.push(share)
    console.log(
      `Round ${round} of ${rounds}: ${LOADS.map(({ name }, i) => `${name} ${percent(shares[i]?.at(-1))}`).join(', ')}`,
    )
  }
  console.log('Share of security events and metrics in the CPU time:')
  const intervals = shares.map((values) => medianInterval(values))
  for (const [i, { name }] of LOADS.entries()) {
    const [low, high] = intervals[i] ?? []
    console.log(`  ${name}: ${percent(median(shares[i] ?? []))} (95 % interval ${percent(low)} to ${percent(high)})`)
  }
  const [low = Number.NaN, high = Number.NaN] = intervals[0] ?? []
  const verdict = high <= MAX_COST ? 'within' : low > MAX_COST ? 'MORE than' : 'not distinguishable from'
  console.log(`For plain refreshes this is ${verdict} ${percent(MAX_COST)}.`)
}

/** For each load, the extra CPU time of the observed server as a share of the other's. */
async function compare({ refreshes, connections }: Omit<ObservabilityOptions, 'rounds'>): Promise<number[]> {
  const stores = await startStores()
  const opsPort = await freePort()
  const settings = { REFRESH_GRACE_SECONDS: '0' }
  const unobserved = fileURLToPath(new URL('./peers/unobserved-auth-server.ts', import.meta.url))
  const servers = await Promise.all([
    startAuthServer(stores, { ...settings, OPS_PORT: String(opsPort) }),
    startAuthServer(stores, settings, unobserved),
  ])
  const driven = await Promise.all(servers.map(async ({ url }) => contender(url, connections)))
  const scraping = setInterval(() => void scrape(opsPort), SCRAPE_EVERY_MS)
  const run = async (i: number, events: boolean, count: number) => {
    const [server, sessions] = [servers[i], driven[i]]
    if (!server || !sessions) throw new Error('There are two servers.')
    sessions.events = events
    const usedUs = () => {
      const threads = threadTimesUs(server.pid)
      const all = [...threads.values()].reduce((sum, us) => sum + us, treeSchedulerTimeUs(stores.postgres.pid))
      return { all, rest: all - (threads.get(POOL) ?? 0) }
    }
    const before = usedUs()
    await drive(sessions, count)
    const after = usedUs()
    return { all: after.all - before.all, rest: after.rest - before.rest }
  }
  for (const i of [0, 1]) await run(i, true, WARM_UP)
  const sums = LOADS.map(() => ({ more: 0, blind: 0 }))
  for (const i of TURNS) {
    for (const [load, { events }] of LOADS.entries()) {
      const { all, rest } = await run(i, events, refreshes)
      const sum = sums[load]
      if (!sum) continue
      sum.more += i === 0 ? rest : -rest
      sum.blind += i === 0 ? 0 : all
    }
  }
  clearInterval(scraping)
  await Promise.all(driven.map(({ pool }) => pool.destroy()))
  await Promise.all(servers.map((server) => server.stop()))
  await stores.stop()
  return sums.map(({ more, blind }) => more / blind)
}

const percent = (share = Number.NaN) => `${(100 * share).toFixed(1)} %`

async function scrape(port: number): Promise<void> {
  await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
}

/** Sessions that repeat a token now and then while `events` is set. */
async function contender(url: string, connections: number): Promise<Driven & { events: boolean }> {
  const previous: string[] = []
  const count: number[] = []
  const itself = {
    name: 'Heirloom',
    events: false,
    pool: new Pool(url, { connections }),
    tokens: await logIn(url, connections),
    request(token: string, session: number) {
      const n = (count[session] = (count[session] ?? 0) + 1)
      const again = previous[session]
      if (itself.events && again !== undefined && n % EVENT_EVERY === 0) return ourRefresh(again, session)
      previous[session] = token
      return ourRefresh(token, session)
    },
  }
  return itself
}
