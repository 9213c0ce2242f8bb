import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { startRedis } from './redis.ts'
import { freePort, HOST, keptPassword, type Store } from './store.ts'

interface ClusterOptions {
  /** Holds a folder per node, and their common password. */
  dataDir: string
  masters?: number
  /** After this time without an answer, and about one more second, a master is failed over. */
  nodeTimeoutMs?: number
  /** More settings of each node, as in redis.conf. */
  settings?: Record<string, string>
}

export interface RedisCluster {
  /** In the form of `REDIS_URL`, with the password and every node. */
  readonly url: string
  /** The masters, then their replicas. With three masters, node 3 copies node 0 until a fail-over. Tests may kill any. */
  readonly nodes: readonly Store[]
  /** Starts a node that has exited, on its port and its data. */
  restart(index: number): Promise<void>
  stop(): Promise<void>
}

const SLOTS = 16_384
const FORMS_WITHIN_MS = 30_000

/** Starts a real Redis Cluster, with one replica per master. Throws, with one line, if it does not form. */
export async function startRedisCluster(options: ClusterOptions): Promise<RedisCluster> {
  const { dataDir, masters = 3, nodeTimeoutMs = 1_000, settings = {} } = options
  const folder = resolve(dataDir)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const password = keptPassword(join(folder, 'password'))
  const startNode = async (index: number, port?: number, busPort?: number) => {
    const bus = busPort ?? (await freePort())
    const store = await startRedis({
      dataDir: join(folder, `node-${index}`),
      password,
      ...(port !== undefined && { port }),
      settings: {
        'cluster-enabled': 'yes',
        'cluster-port': String(bus),
        'cluster-node-timeout': String(nodeTimeoutMs),
        masterauth: password,
        'repl-diskless-sync-delay': '0',
        ...settings,
      },
    })
    if (!store) throw new Error('a Redis Cluster needs redis-server or valkey-server on the PATH')
    return { store, bus }
  }
  const started = await Promise.all(Array.from({ length: masters * 2 }, (_, index) => startNode(index)))
  const nodes = started.map(({ store }) => store)
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())))
  const clients = nodes.map(({ url }) => new Redis(url))
  try {
    await form(clients, started)
  } catch (error) {
    await stop()
    throw error
  } finally {
    for (const client of clients) client.disconnect()
  }
  return {
    url: `redis-cluster://:${password}@${nodes.map(({ port }) => `${HOST}:${port}`).join(',')}`,
    nodes,
    stop,
    async restart(index) {
      const { store, bus } = started[index] ?? {}
      nodes[index] = (await startNode(index, store?.port, bus)).store
    },
  }
}

async function form(clients: Redis[], nodes: { store: Store; bus: number }[]): Promise<void> {
  const masters = clients.slice(0, clients.length / 2)
  const firstSlot = (index: number) => Math.floor((SLOTS * index) / masters.length)
  const command = async (client: Redis | undefined, ...args: (string | number)[]) => client?.call('CLUSTER', args)

  await Promise.all(clients.map((client, index) => command(client, 'SET-CONFIG-EPOCH', index + 1)))
  await Promise.all(
    masters.map((client, index) => command(client, 'ADDSLOTSRANGE', firstSlot(index), firstSlot(index + 1) - 1)),
  )
  // Each meets each: gossip would take longer.
  for (const client of clients)
    await Promise.all(nodes.map(({ store, bus }) => command(client, 'MEET', HOST, store.port, bus)))
  await until('know each other', clients, async (client) =>
    (await client.cluster('INFO')).includes(`cluster_known_nodes:${clients.length}\r`),
  )
  const ids = await Promise.all(masters.map((client) => client.cluster('MYID')))
  await Promise.all(ids.map((id, index) => command(clients[masters.length + index], 'REPLICATE', id)))
  await until('copy their masters', clients.slice(masters.length), async (client) =>
    (await client.info('replication')).includes('master_link_status:up'),
  )
  await until('serve all slots', clients, async (client) => (await client.cluster('INFO')).includes('cluster_state:ok'))
}

async function until(what: string, clients: Redis[], holds: (client: Redis) => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + FORMS_WITHIN_MS
  for (const client of clients) {
    while (!(await holds(client).catch(() => false))) {
      if (Date.now() > deadline) throw new Error(`the nodes of the cluster do not ${what}`)
      await sleep(20)
    }
  }
}
