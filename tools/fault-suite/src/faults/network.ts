import type { TestCluster, Node } from '../test-cluster.ts'
import { type Fault, repeated } from './fault.ts'

const VICTIM = 0
/** The resource services have their lists from it. */
const LISTS_FROM = 1
/** Longer than a service uses a copy that nobody confirms. */
const UNTIL_STALE_MS = 13_000
const DELAY_MS = 100

type Way = 'toRedis' | 'toPostgres' | 'front'

const anyNode = (cluster: TestCluster): Node => cluster.node(Math.floor(Math.random() * cluster.nodes.length))

const healAll = (cluster: TestCluster, way: Way) => {
  for (const node of cluster.nodes) node[way].heal()
}

const delayed = (name: string, way: Way): Fault => ({
  name,
  async inject({ cluster }) {
    for (const node of cluster.nodes) node[way].delay(DELAY_MS)
  },
  heal: async ({ cluster }) => healAll(cluster, way),
})

const lost = (name: string, way: Way): Fault =>
  repeated(
    name,
    100,
    ({ cluster }) => anyNode(cluster)[way].loseReply(),
    async ({ cluster }) => healAll(cluster, way),
  )

const oneServer = (name: string, way: Way, what: 'cut' | 'hold'): Fault => ({
  name,
  inject: async ({ cluster }) => cluster.node(VICTIM)[way][what](),
  heal: async ({ cluster }) => cluster.node(VICTIM)[way].heal(),
})

/** What happens then is what each resource service chose. */
const listServer = (name: string, what: 'cut' | 'hold', ...ways: Way[]): Fault => ({
  name,
  leastMs: UNTIL_STALE_MS,
  patienceMs: 1_500,
  isSuspended: true,
  ...(ways.includes('toRedis') && { isOneSided: true }),
  async inject({ cluster }) {
    for (const way of ways) cluster.node(LISTS_FROM)[way][what]()
  },
  async heal({ cluster }) {
    for (const way of ways) cluster.node(LISTS_FROM)[way].heal()
  },
})

export const REDIS_REPLIES_LOST: Fault = { ...lost('replies of Redis lost', 'toRedis'), isOneSided: true }

export const NETWORK_FAULTS: Fault[] = [
  { ...oneServer('one server cut from Redis', 'toRedis', 'cut'), isOneSided: true },
  { ...oneServer('one server hears nothing of Redis', 'toRedis', 'hold'), isOneSided: true },
  listServer('the server of the status list cannot be reached', 'cut', 'front'),
  listServer('the server of the status list hangs', 'hold', 'front'),
  listServer('the server of the status list cut from both stores', 'cut', 'toRedis', 'toPostgres'),
  listServer('the server of the status list hears nothing of both stores', 'hold', 'toRedis', 'toPostgres'),
  oneServer('one server cut from Postgres', 'toPostgres', 'cut'),
  oneServer('one server hears nothing of Postgres', 'toPostgres', 'hold'),
  delayed(`Redis ${DELAY_MS} ms away`, 'toRedis'),
  delayed(`Postgres ${DELAY_MS} ms away`, 'toPostgres'),
  REDIS_REPLIES_LOST,
  lost('replies of Postgres lost', 'toPostgres'),
  lost('replies to clients lost', 'front'),
  repeated('connections of clients reset', 50, ({ cluster }) => anyNode(cluster).front.reset()),
]
