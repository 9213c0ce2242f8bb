import type { TestCluster } from './test-cluster.ts'
import { inGroups } from './in-groups.ts'
import type { Invariant } from './ledger.ts'
import type { Load } from './load.ts'
import { isRefused } from './session.ts'
import { commitTheft } from './theft.ts'

/** The longest that a server may use Redis before it sees that another server works without it. */
export const BOUND_MS = 1_000
/** How many sessions that ended in earlier faults are tried again. */
const OLDER = 100
const THEFTS = 3

/** Checks, after a fault, every session at every server. */
export async function check(cluster: TestCluster, load: Load): Promise<void> {
  const { context } = load
  const { ledger, urls } = context
  await inGroups(load.live, async (session) => {
    for (const url of urls) await session.refreshAt(url)
  })
  const tried = (tokens: string[], invariant: Invariant, how: string) =>
    inGroups(tokens, async (token) => {
      for (const url of urls) if (!(await isRefused(context, url, token))) ledger.breaks(invariant, how)
    })
  await tried(ledger.ended.slice(Math.max(0, load.endedBefore - OLDER)), 2, 'a token of an ended session worked later')
  await tried(ledger.stolen.slice(-OLDER), 4, 'a stolen session worked later')
  await inGroups(await load.seed(THEFTS), (token) => commitTheft(context, token, 0))

  const [rows] = await cluster.query<{ count: string }>('SELECT count(*) FROM families')
  const surplus = Number(rows?.count) - ledger.opened
  if (surplus < -ledger.forgotten || surplus > ledger.inDoubt)
    ledger.breaks(5, `Postgres has ${surplus} more rows than sessions were opened`)
  const keys = await countFamilyKeys(cluster)
  if (keys > ledger.opened + ledger.inDoubt) ledger.breaks(5, `Redis has ${keys} keys for ${ledger.opened} sessions`)
}

/** In all Redis masters. */
async function countFamilyKeys(cluster: TestCluster): Promise<number> {
  const counts = cluster.redisNodes.map((node) =>
    cluster.withRedis(async (redis) => {
      const isMaster = (await redis.info('replication')).includes('role:master')
      return isMaster ? (await redis.keys('heirloom:family:*')).length : 0
    }, node),
  )
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}
