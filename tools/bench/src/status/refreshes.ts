import { schedulerTimeUs, treeSchedulerTimeUs } from '@heirloom/harness/processes'
import { Pool } from 'undici'
import { startAuthServer, startStores } from '../servers.ts'
import { drive, logIn, ourRefresh } from '../sessions.ts'
import { median, medianInterval } from '../statistics.ts'
import { hotUpdates } from './hot-updates.ts'
import type { StatusOptions } from '../status.ts'

const TURNS = Array.from({ length: 12 }, () => [0, 1, 1, 0]).flat()
const WARM_UP = 6_000

/** Prints what the list adds to a refresh. */
export async function refreshes({ rounds, refreshes: perTurn, connections }: StatusOptions): Promise<void> {
  const shares: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const stores = await startStores()
    const servers = await Promise.all(['5', '0'].map((ttl) => startAuthServer(stores, { STATUS_TTL_SECONDS: ttl })))
    const driven = await Promise.all(
      servers.map(async ({ url }) => ({
        name: 'Heirloom',
        pool: new Pool(url, { connections }),
        tokens: await logIn(url, connections),
        request: ourRefresh,
      })),
    )
    const usedUs = [0, 0]
    const run = async (i: 0 | 1, count: number) => {
      const [server, sessions] = [servers[i], driven[i]]
      if (!server || !sessions) throw new Error('There are two servers.')
      const used = () => schedulerTimeUs(server.pid) + treeSchedulerTimeUs(stores.postgres.pid)
      const before = used()
      await drive(sessions, count)
      usedUs[i] = (usedUs[i] ?? 0) + used() - before
    }
    for (const i of [0, 1] as const) await run(i, WARM_UP)
    usedUs.fill(0)
    for (const i of TURNS) await run(i as 0 | 1, perTurn)
    shares.push((usedUs[0] ?? 0) / (usedUs[1] ?? 1) - 1)
    console.log(`Round ${round} of ${rounds}: a refresh takes ${percent(shares.at(-1))} more with the status list.`)
    for (const { superuserUrl } of servers) console.log(`Refreshes: ${await hotUpdates(superuserUrl)}`)
    await Promise.all(driven.map(({ pool }) => pool.destroy()))
    await Promise.all(servers.map((server) => server.stop()))
    await stores.stop()
  }
  const [low, high] = medianInterval(shares)
  console.log(
    `With the status list, a refresh takes ${percent(median(shares))} more CPU (95 % interval ${percent(low)} to ${percent(high)}).`,
  )
}

const percent = (share = Number.NaN) => `${(100 * share).toFixed(1)} %`
