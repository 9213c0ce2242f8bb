import type { LineBudget } from '@heirloom/http-service'
import type { Logger } from 'pino'
import type { Pruned } from './services/prune.ts'
import { REALM_READ_EVERY_MS } from './services/realm/realm-keeper.ts'
import { reasonOf } from './connection/store-unavailable.ts'

/** How often the keys that other servers made are read. Much shorter than the time until a new key signs. */
const KEYS_EVERY_MS = 5_000
const FINISH_DELETIONS_EVERY_MS = 5_000
const PRUNE_EVERY_MS = 10 * 60_000
const WARN_EVERY_MS = 60_000

interface Tasks {
  reloadKeys: () => Promise<void>
  reloadRealm: () => Promise<void>
  prune: () => Promise<Pruned>
  finishDeletions: () => Promise<void>
  whyNoRedis: () => string | null
  whyNoRealm: () => string | null
  budget: Pick<LineBudget, 'allows'>
  log: Pick<Logger, 'info' | 'warn'>
}

/** Starts what a server does regularly. Returns the function that stops it. */
export function startBackground({ budget, log, ...tasks }: Tasks): () => void {
  const warn = () => {
    const noRedis = tasks.whyNoRedis()
    if (noRedis !== null) log.warn(`Redis is not used, so Postgres does all the work: ${noRedis}`)
    const noRealm = tasks.whyNoRealm()
    if (noRealm !== null) log.warn(noRealm)
  }
  const attempt = (failed: string, work: () => Promise<void>) => () => {
    work().catch((error: unknown) => {
      const line = `${failed}: ${reasonOf(error)}`
      if (budget.allows(line, 1)) log.warn(line)
    })
  }
  const pruneAll = () => {
    tasks.prune().then(
      (pruned) => log.info(pruned, 'pruned'),
      (error: unknown) => log.warn({ reason: reasonOf(error) }, 'could not prune'),
    )
  }

  warn()
  const timers = [
    setInterval(warn, WARN_EVERY_MS),
    setInterval(attempt('the signing keys could not be reloaded', tasks.reloadKeys), KEYS_EVERY_MS),
    setInterval(attempt('the realm could not be reloaded', tasks.reloadRealm), REALM_READ_EVERY_MS),
    setInterval(
      attempt('deleted users could not be removed everywhere', tasks.finishDeletions),
      FINISH_DELETIONS_EVERY_MS,
    ),
    setInterval(pruneAll, PRUNE_EVERY_MS),
  ]
  for (const timer of timers) timer.unref()
  return () => {
    for (const timer of timers) clearInterval(timer)
  }
}
