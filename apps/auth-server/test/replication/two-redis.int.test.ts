import { testStores } from '@heirloom/local-stack/testing'
import { startService } from '@heirloom/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { testServer } from '../support/server.ts'
import { openStores } from '../support/stores.ts'

test('a server whose REDIS_URL leads to another Redis: both say so, in few lines', async () => {
  const server = await testServer({ LOG_LEVEL: 'info' })
  const { database } = openStores(server)
  const { redisUrl } = await testStores()
  const other = await startService({ script: 'apps/auth-server', env: { ...server.env, REDIS_URL: redisUrl } })
  onTestFinished(() => other.stop())
  await other.ready()

  const epochs = new Set<bigint>()
  const seen = async () => epochs.add((await database.redisFence.findFirstOrThrow()).epoch).size
  await expect.poll(seen, { timeout: 25_000, interval: 50 }).toBeGreaterThan(40)
  for (const { output } of [server.service, other]) {
    const warnings = output.filter((line) => line.includes('another server uses another Redis: REDIS_URL'))
    expect(warnings.length).toBeGreaterThan(0)
    // One a minute. Before that, the first changes.
    expect(warnings.length).toBeLessThanOrEqual(2)
    expect(output.filter((line) => line.includes('refreshes go through')).length).toBeLessThan(20)
  }
})
