import type { Logger } from 'pino'
import { restore } from './services/restore.ts'
import type { ServerParts } from './wiring.ts'

const POLL_MS = 500
const RETRY_MS = 5_000

/**
 * POSTGRES_ROLLBACK=restore: when Postgres was rolled back, the servers restore it without an operator. All of them try, one
 * does the work, and the others continue when they see that it is done.
 */
export function restoreByItself(server: ServerParts, log: Pick<Logger, 'warn' | 'error'>): ServerParts {
  const { rollback, forRestore, close } = server
  let isStopping = false
  let notBefore = 0
  let attempt: Promise<void> | null = null

  const work = () =>
    forRestore((parts) =>
      restore(parts, 'server', () => {
        if (isStopping) throw new Error('this server is stopping; another one will restore Postgres')
      }),
    )
  const tryIt = async () => {
    if (!(await rollback.isShownByRedis()))
      throw new Error("this server's Redis does not show that data is missing: run `npm run admin -- restore`")
    const restored = await rollback.restoring(work)
    if (restored.state === 'done')
      log.warn(counts(restored.result), 'Postgres had been rolled back, and this server restored it')
  }
  const timer = setInterval(() => {
    if (!rollback.isRolledBack || attempt || Date.now() < notBefore) return
    attempt = tryIt()
      .catch((error: Error) => {
        notBefore = Date.now() + RETRY_MS
        log.error({ reason: error.message }, 'this server could not restore Postgres, and will try again')
      })
      .finally(() => (attempt = null))
  }, POLL_MS)

  const stop = async () => {
    isStopping = true
    clearInterval(timer)
    await attempt
    await close()
  }
  return { ...server, close: stop }
}

/** Usernames do not belong in the log. */
const counts = ({ accounts_changed: accounts, ...rest }: Awaited<ReturnType<typeof restore>>) => ({
  ...rest,
  accounts_changed: accounts.length,
})
