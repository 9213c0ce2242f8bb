import { type App, createApp } from '@heirloom/service'
import type { Verifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import { adminRoutes } from './routes/admin.ts'
import { callerRoutes } from './routes/caller.ts'
import { reportRoutes } from './routes/reports.ts'

/** The verifier and the routes, and nothing else: no store, no secret. Closing the app closes the verifier. */
export function buildApp(verifier: Verifier, logLevel: string): App {
  return createApp({
    logLevel,
    notReady: () => (verifier.isReady ? [] : ["The issuer's keys have not been fetched yet."]),
    async routes(app) {
      app.addHook('onClose', async () => verifier.close())
      await app.register(bearerAuth, { verifier })
      callerRoutes(app)
      reportRoutes(app)
      adminRoutes(app, verifier)
    },
  })
}
