import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { SettingsError } from './settings.ts'

interface Service {
  app: FastifyInstance
  host: string
  port: number
}

/** Requests that are on their way at a SIGTERM or SIGINT get this long. */
const GRACE_MS = 10_000

/**
 * Starts a service and stops it cleanly: the listener closes, requests on their way are answered, `onClose` hooks drain
 * what is left. What keeps it from starting is one line on stderr a cause, and exit code 1.
 */
export async function runService(name: string, build: () => Service | Promise<Service>): Promise<void> {
  try {
    const { app, host, port } = await build()
    closeWithGrace({ delay: GRACE_MS, logger: false }, async ({ err }) => {
      if (err) app.log.fatal({ err }, 'stopping after an uncaught error')
      await app.close()
    })
    await app.listen({ host, port })
  } catch (error) {
    for (const line of reasons(error)) process.stderr.write(`${name}: ${line}\n`)
    process.exit(1)
  }
}

function reasons(error: unknown): readonly string[] {
  if (error instanceof SettingsError) return error.lines
  if (!(error instanceof Error)) return [String(error)]
  const { code, port } = error as Error & { code?: string; port?: number }
  if (code === 'EADDRINUSE') return [`PORT ${port} is taken by another process.`]
  return [error.message || code || 'could not start']
}
