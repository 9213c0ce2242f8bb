import { COMMAND_TIMEOUT_MS, RedisConnection } from './redis-connection.ts'
import type { RedisAddress } from './redis-url.ts'

const SLOTS = 16_384

export interface Master {
  /** host:port, as the nodes spell it. */
  address: string
  host: string
  port: number
  /** Slots, both ends included. */
  ranges: [first: number, last: number][]
}

export interface ClusterMap {
  /** Of two maps, the one with the higher epoch is newer. */
  epoch: number
  masters: Master[]
}

/**
 * Asks the known masters and the nodes in the URL, and returns the newest map that has a master for each slot: a node that
 * was cut off has an older one. @throws if no node has such a map.
 */
export async function askForMap(
  { hosts, login }: RedisAddress,
  known: readonly { address: string; connection: RedisConnection }[],
): Promise<ClusterMap> {
  const live = known.filter(({ connection }) => connection.client.status === 'ready')
  const others = hosts.filter(({ host, port }) => live.every(({ address }) => address !== `${host}:${port}`))
  const maps = await Promise.allSettled([
    ...live.map(({ address, connection }) => mapOf(connection, address.slice(0, address.lastIndexOf(':')))),
    ...others.map(async ({ host, port }) => {
      const connection = new RedisConnection({ ...login, host, port, retryStrategy: null })
      try {
        await connection.ready(COMMAND_TIMEOUT_MS)
        return await mapOf(connection, host)
      } finally {
        connection.close()
      }
    }),
  ])
  const [newest] = maps
    .filter((map) => map.status === 'fulfilled')
    .map(({ value }) => value)
    .toSorted((a, b) => b.epoch - a.epoch)
  if (newest) return newest
  throw new AggregateError(
    maps.filter((map) => map.status === 'rejected').map(({ reason }) => reason as Error),
    'no node of the cluster has a master for each slot',
  )
}

async function mapOf({ client }: RedisConnection, askedHost: string): Promise<ClusterMap> {
  const [info, slots] = await Promise.all([client.cluster('INFO'), client.cluster('SLOTS')])
  const epoch = Number(/^cluster_current_epoch:(\d+)/m.exec(info)?.[1])
  const masters = new Map<string, Master>()
  let covered = 0
  for (const [first, last, master] of slots) {
    if (!master) throw new Error('some slots have no master')
    // A node that does not know its own address answers '' or null. Then we use the address that we asked.
    const [named, port] = master
    const host = named || askedHost
    const address = `${host}:${port}`
    const known = masters.get(address) ?? { address, host, port, ranges: [] }
    known.ranges.push([first, last])
    masters.set(address, known)
    covered += last - first + 1
  }
  if (!info.includes('cluster_state:ok') || covered !== SLOTS) throw new Error('some slots have no master')
  return { epoch, masters: [...masters.values()] }
}
