import closeWithGrace from 'close-with-grace'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import { SettingsError } from './settings.ts'

interface Service {
  app: FastifyInstance
  host: string
  port: number
  /** Where the metrics are served, at `/metrics`; nowhere where it is undefined. */
  opsPort: number | undefined
  metrics: Registry
  /** What the settings may not have meant, a line each. */
  warnings?: readonly string[]
}

/** Requests that are on their way at a SIGTERM or SIGINT get this long. */
const GRACE_MS = 10_000
/** Then what waits is written, for this long at the most. */
const DRAIN_MS = 8_000

/**
 * Starts a service and stops it cleanly: the listener closes, requests on their way are answered or, after the grace, cut
 * off, and `onClose` hooks drain what is left; exit code 0. What keeps it from starting is one line on stderr a cause, and
 * exit code 1.
 */
export async function runService(name: string, build: () => Service | Promise<Service>): Promise<void> {
  try {
    const { app, host, port, opsPort, metrics, warnings = [] } = await build()
    for (const warning of warnings) app.log.warn(warning)
    const ops = opsPort === undefined ? null : opsServer(metrics)
    const onTimeout = () => app.log.error('stopped before everything that waits was written: a store does not answer')
    closeWithGrace({ delay: GRACE_MS + DRAIN_MS, logger: false, onTimeout }, async ({ err }) => {
      if (err) app.log.fatal({ err }, 'stopping after an uncaught error')
      setTimeout(() => app.server.closeAllConnections(), GRACE_MS).unref()
      await Promise.all([app.close(), ops?.close()])
    })
    await app.listen({ host, port })
    await ops?.listen({ host, port: opsPort ?? 0 })
  } catch (error) {
    for (const line of reasons(error)) process.stderr.write(`${name}: ${line}\n`)
    process.exit(1)
  }
}

/** For whoever runs the service: its own port, so that no proxy leads to it. */
function opsServer(metrics: Registry): FastifyInstance {
  const ops = Fastify({ forceCloseConnections: true })
  ops.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()))
  return ops
}

function reasons(error: unknown): readonly string[] {
  if (error instanceof SettingsError) return error.lines
  if (!(error instanceof Error)) return [String(error)]
  const { code, port } = error as Error & { code?: string; port?: number }
  if (code === 'EADDRINUSE') return [`Port ${port} is taken by another process; PORT or OPS_PORT names another one.`]
  return [error.message || code || 'could not start']
}
