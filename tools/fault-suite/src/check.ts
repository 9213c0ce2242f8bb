import type { TestCluster } from './test-cluster.ts'
import { inGroups } from './in-groups.ts'
import type { Invariant } from './ledger.ts'
import type { Load } from './load.ts'
import { isRefused } from './session.ts'
import { commitTheft } from './theft.ts'

/** A server may believe Redis for so long before it sees that another one worked past it. */
export const BOUND_MS = 1_000
/** Of the sessions that ended in earlier faults, so many are tried again. */
const OLDER = 100
const THEFTS = 3

/** What must hold once a fault is over: every session's fate is tried at every server. */
export async function check(house: TestCluster, load: Load): Promise<void> {
  const { world } = load
  const { ledger, urls } = world
  await inGroups(load.live, async (session) => {
    for (const url of urls) await session.refreshAt(url)
  })
  const tried = (tokens: string[], invariant: Invariant, how: string) =>
    inGroups(tokens, async (token) => {
      for (const url of urls) if (!(await isRefused(world, url, token))) ledger.breaks(invariant, how)
    })
  await tried(ledger.ended.slice(Math.max(0, load.endedBefore - OLDER)), 2, 'a token of an ended session worked later')
  await tried(ledger.stolen.slice(-OLDER), 4, 'a stolen session worked later')
  await inGroups(await load.mint(THEFTS), (token) => commitTheft(world, token, 0))

  const [rows] = await house.askPostgres<{ count: string }>('SELECT count(*) FROM families')
  const surplus = Number(rows?.count) - ledger.opened
  if (surplus < -ledger.forgotten || surplus > ledger.inDoubt)
    ledger.breaks(5, `${surplus} rows more than sessions were opened`)
  const keys = await countFamilyKeys(house)
  if (keys > ledger.opened + ledger.inDoubt) ledger.breaks(5, `${keys} keys in Redis`)
}

/** In all masters. */
async function countFamilyKeys(house: TestCluster): Promise<number> {
  const counts = house.redisNodes.map((node) =>
    house.tellRedis(async (redis) => {
      const isMaster = (await redis.info('replication')).includes('role:master')
      return isMaster ? (await redis.keys('heirloom:family:*')).length : 0
    }, node),
  )
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}
