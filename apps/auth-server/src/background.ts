import type { LineBudget } from '@heirloom/http-service'
import type { Logger } from 'pino'
import type { Pruned } from './services/prune.ts'
import { reasonOf } from './connection/store-unavailable.ts'

/** How often the keys that other servers made are read. Much shorter than the time until a new key signs. */
const KEYS_EVERY_MS = 5_000
const PRUNE_EVERY_MS = 10 * 60_000
const WARN_EVERY_MS = 60_000

interface Tasks {
  reloadKeys: () => Promise<void>
  prune: () => Promise<Pruned>
  whyNoRedis: () => string | null
  budget: Pick<LineBudget, 'allows'>
  log: Pick<Logger, 'info' | 'warn'>
}

/** Starts what a server does regularly. Returns the function that stops it. */
export function startBackground({ reloadKeys, prune, whyNoRedis, budget, log }: Tasks): () => void {
  const warnWithoutRedis = () => {
    const reason = whyNoRedis()
    if (reason !== null) log.warn(`Redis is not used, so Postgres does all the work: ${reason}`)
  }
  const keepKeys = () => {
    reloadKeys().catch((error: unknown) => {
      const line = `the signing keys could not be reloaded: ${reasonOf(error)}`
      if (budget.allows(line, 1)) log.warn(line)
    })
  }
  const pruneAll = () => {
    prune().then(
      (pruned) => log.info(pruned, 'pruned'),
      (error: unknown) => log.warn({ reason: reasonOf(error) }, 'could not prune'),
    )
  }

  warnWithoutRedis()
  const timers = [
    setInterval(warnWithoutRedis, WARN_EVERY_MS),
    setInterval(keepKeys, KEYS_EVERY_MS),
    setInterval(pruneAll, PRUNE_EVERY_MS),
  ]
  for (const timer of timers) timer.unref()
  return () => {
    for (const timer of timers) clearInterval(timer)
  }
}
