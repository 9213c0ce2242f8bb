import closeWithGrace from 'close-with-grace'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import { SettingsError } from './settings.ts'

interface Service {
  app: FastifyInstance
  host: string
  port: number
  /** The port that serves `/metrics`; undefined for none. */
  opsPort: number | undefined
  metrics: Registry
  /** Settings that may be mistakes, one line each. */
  warnings?: readonly string[]
}

/** How long requests in progress at a SIGTERM or SIGINT may still take. */
const GRACE_MS = 10_000
/** How long pending writes may then still take. */
const DRAIN_MS = 8_000

/**
 * Starts a service and stops it cleanly. At a stop the listener closes, requests in progress are answered, or cut off after
 * the grace period, `onClose` hooks finish pending writes, and the exit code is 0. If the service cannot start, it writes
 * one line to stderr for each cause, and the exit code is 1.
 */
export async function runService(name: string, build: () => Service | Promise<Service>): Promise<void> {
  try {
    const { app, host, port, opsPort, metrics, warnings = [] } = await build()
    for (const warning of warnings) app.log.warn(warning)
    const ops = opsPort === undefined ? null : opsServer(metrics)
    const onTimeout = () => app.log.error('stopped before all pending writes were done: a store does not answer')
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

/** Serves the metrics. They have their own port, so that no proxy leads to them. */
function opsServer(metrics: Registry): FastifyInstance {
  const ops = Fastify({ forceCloseConnections: true })
  ops.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()))
  return ops
}

function reasons(error: unknown): readonly string[] {
  if (error instanceof SettingsError) return error.lines
  if (!(error instanceof Error)) return [String(error)]
  const { code, port } = error as Error & { code?: string; port?: number }
  if (code === 'EADDRINUSE') return [`Port ${port} is in use by another process. Set PORT or OPS_PORT to another one.`]
  return [error.message || code || 'could not start']
}
