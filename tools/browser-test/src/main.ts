/**
 * Tabs of one browser that share a session by its cookie, while a network between them and the auth server loses and delays
 * answers. At each expiry, every tab calls a service until it is answered. Nobody may be logged out, no token may have two
 * successors, and no expiry may cause two refreshes.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newDatabase } from '@heirloom/harness/database'
import { startStores } from '@heirloom/harness/stores'
import { program } from 'commander'
import { launchChromium } from '@heirloom/local-stack/browser'
import { USER, startStack } from './stack.ts'
import { addCookiePage, expireUnderLoss } from './tabs.ts'

program
  .description('Refreshes in many tabs of a real browser while answers are lost.')
  .option('--tabs <n>', 'tabs that share a session', Number, 10)
  .option('--expiries <n>', 'how often the access token expires', Number, 50)
  .option('--lost <share>', 'the share of requests and answers that are lost', Number, 0.3)
  .option('--stalled <share>', 'the share of answers that come two seconds late', Number, 0.1)
  .option('--rounds <n>', 'how often, each with a new session', Number, 3)
  .parse()
const { rounds, ...loss } = program.opts<{
  tabs: number
  expiries: number
  lost: number
  stalled: number
  rounds: number
}>()

const folder = mkdtempSync(join(tmpdir(), 'heirloom-browser-test-'))
const stores = await startStores({ dataDir: join(folder, 'stores') })
try {
  if (stores.redis === null) throw new Error('This needs redis-server or valkey-server on the PATH.')
  const { databaseUrl } = await newDatabase(stores.postgres.url, 'browser-test')
  const stack = await startStack({ databaseUrl, redisUrl: stores.redis.url, folder })
  const browser = await launchChromium()
  try {
    addCookiePage(stack)
    await stack.register(USER)
    for (let round = 1; round <= rounds; round++) {
      const begun = performance.now()
      const outcome = await expireUnderLoss(stack, browser, { ...loss, random: Math.random })
      const isGood = outcome.wrong.length + outcome.forks === 0 && outcome.refreshes <= loss.expiries
      if (!isGood) process.exitCode = 1
      const seconds = ((performance.now() - begun) / 1000).toFixed(0)
      const { twice, ...counts } = outcome
      console.log(`Round ${round}: ${isGood ? 'good' : 'BAD'}, in ${seconds} s: ${JSON.stringify(counts)}`)
      for (const story of twice) console.log(['  More than one refresh:', ...story].join('\n    '))
    }
  } finally {
    await browser.close()
    await stack.stop()
  }
} finally {
  await stores.stop()
  rmSync(folder, { recursive: true, force: true })
}
