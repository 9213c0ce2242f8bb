/**
 * What security events and metrics cost.
 *
 * Method: two servers that differ in nothing else: the real one, whose metrics are read once a second (Prometheus does every 15 s or
 * so), and one that is composed with a recorder that drops every event and that counts and times nothing
 * (peers/unobserved-auth-server.ts). Two loads: plain refreshes, which record no event, and one in which every tenth
 * request repeats the token before, without any grace, so that it is a late repeat: a row, a log line and a counter. The
 * servers take turns; the cost is the CPU time of server and Postgres together per request of one beside the other's in the same round, and
 * the median of the rounds counts.
 */
import { fileURLToPath } from 'node:url'
import { freePort } from '@heirloom/stack'
import { Pool } from 'undici'
import { cpuTimeMs, treeCpuTimeMs } from './cpu-time.ts'
import { startAuthServer, startStores } from './servers.ts'
import { type Driven, drive, logIn, ourRefresh } from './sessions.ts'
import { median } from './statistics.ts'

export interface ObservabilityOptions {
  rounds: number
  refreshes: number
  connections: number
}

const EVENT_EVERY = 10
const MOST = 0.05
const SCRAPE_EVERY_MS = 1_000

export async function benchObservability({ rounds, refreshes, connections }: ObservabilityOptions): Promise<void> {
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

  const loads = [
    { name: 'plain refreshes', events: false, shares: [] as number[] },
    { name: `an event in ${EVENT_EVERY} requests`, events: true, shares: [] as number[] },
  ]
  const cost = async (i: number, events: boolean) => {
    const [server, sessions] = [servers[i], driven[i]]
    if (!server || !sessions) throw new Error('There are two servers.')
    sessions.events = events
    const before = cpuTimeMs(server.pid) + treeCpuTimeMs(stores.postgres.pid)
    await drive(sessions, refreshes)
    return (cpuTimeMs(server.pid) + treeCpuTimeMs(stores.postgres.pid) - before) / refreshes
  }
  for (const i of [0, 1]) await cost(i, true)
  for (let round = 1; round <= rounds; round++) {
    for (const load of loads) {
      // Each is the first one in half of the rounds.
      const order = round % 2 === 0 ? [0, 1] : [1, 0]
      const costs = [0, 0]
      for (const i of order) costs[i] = await cost(i, load.events)
      load.shares.push((costs[0] ?? 0) / (costs[1] ?? 0) - 1)
    }
    console.log(
      `Round ${round} of ${rounds}: ${loads.map(({ name, shares }) => `${name} ${percent(shares.at(-1))}`).join(', ')}`,
    )
  }
  clearInterval(scraping)
  for (const { name, shares } of loads)
    console.log(`Security events and metrics cost ${percent(median(shares))} of the CPU time of ${name}.`)
  const plain = median(loads[0]?.shares ?? [])
  console.log(plain <= MOST ? `That is within ${percent(MOST)}.` : `That is MORE than ${percent(MOST)}.`)

  await Promise.all(driven.map(({ pool }) => pool.destroy()))
  await Promise.all(servers.map((server) => server.stop()))
  await stores.stop()
}

const percent = (share = Number.NaN) => `${(100 * share).toFixed(1)} %`

async function scrape(port: number): Promise<void> {
  await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
}

/** Sessions that, while `events` is set, repeat a token now and then. */
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
