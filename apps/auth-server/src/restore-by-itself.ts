import type { Logger } from 'pino'
import type { ServerParts } from './wiring.ts'
import { restore } from './services/restore.ts'

const LOOK_EVERY_MS = 500
const RETRY_MS = 5_000

/**
 * POSTGRES_ROLLBACK=restore: does what an operator would do about a Postgres that lost something, without one. All servers
 * try; one of them does it, and the others go on when they see that it is done.
 */
export function restoreByItself(composition: ServerParts, log: Pick<Logger, 'warn' | 'error'>): ServerParts {
  const { rollback, forRestore, close } = composition
  let isStopping = false
  let notBefore = 0
  let attempt: Promise<void> | null = null

  const work = () =>
    forRestore((stores) =>
      restore(stores, 'server', () => {
        if (isStopping) throw new Error('this server stops, and another one does it')
      }),
    )
  const tryIt = async () => {
    if (!(await rollback.isShownByRedis()))
      throw new Error('the Redis of this server does not show what is missing: `npm run admin -- restore` does it')
    const restored = await rollback.restoring(work)
    if (restored.state === 'done')
      log.warn({ ...count(restored.result) }, 'Postgres was an older one, and was restored')
  }
  const timer = setInterval(() => {
    if (!rollback.isRolledBack || attempt || Date.now() < notBefore) return
    attempt = tryIt()
      .catch((error: Error) => {
        notBefore = Date.now() + RETRY_MS
        log.error({ reason: error.message }, 'this server does not restore Postgres by itself; it will try again')
      })
      .finally(() => (attempt = null))
  }, LOOK_EVERY_MS)

  const stop = async () => {
    isStopping = true
    clearInterval(timer)
    await attempt
    await close()
  }
  return { ...composition, close: stop }
}

/** Usernames stay out of the log. */
const count = ({ accounts_changed: accounts, ...counts }: Awaited<ReturnType<typeof restore>>) => ({
  ...counts,
  accounts_changed: accounts.length,
})
