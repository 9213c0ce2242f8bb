/**
 * What the status list costs, and how soon it has a logout.
 *
 * Method, in three parts. First, lists are built in this process, with as many revoked positions at random as a quarter of an
 * hour has at the given rate: their size as a JWT, and CPU time of one build and of its signature. Second, two servers share a
 * Postgres with that many sessions and revocations. One gets logouts, evenly spaced; a client holds a request at the other.
 * Counted from the answer to each logout, the time until the client has read its bit, and CPU time of the servers, compared
 * with the same servers without logouts. Third, refreshes with STATUS_TTL_SECONDS=5 and 0: servers of one run take turns in the
 * order ABBA, and CPU time of server and Postgres is compared.
 */
import { startStores } from './servers.ts'
import { delays } from './status/delays.ts'
import { refreshes } from './status/refreshes.ts'
import { sizes } from './status/sizes.ts'

export interface StatusOptions {
  /** In Postgres, in the second part. */
  sessions: number
  /** For how long. */
  seconds: number
  logoutsPerSecond: number
  /** Pairs of servers in the third part. */
  rounds: number
  /** Per turn. */
  refreshes: number
  connections: number
}

export async function benchStatus(options: StatusOptions): Promise<void> {
  sizes(options.logoutsPerSecond)
  const stores = await startStores()
  await delays(stores, options)
  await stores.stop()
  await refreshes(options)
}
