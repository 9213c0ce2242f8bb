import { LOG_HOOKS, createMetrics, runService } from '@heirloom/http-service'
import { pino } from 'pino'
import { buildApp } from './app.ts'
import { wire } from './wiring.ts'
import { readConfig } from './config.ts'
import { restoreByItself } from './restore-by-itself.ts'

await runService('auth-server', async () => {
  const config = readConfig(process.env)
  const metrics = createMetrics()
  const log = pino({ level: config.logLevel, hooks: LOG_HOOKS })
  const composed = await wire(config, log, metrics)
  const composition = config.postgresRollback === 'restore' ? restoreByItself(composed, log) : composed
  const { host, port, opsPort, warnings } = config
  return { app: buildApp(composition, metrics), host, port, opsPort, metrics, warnings }
})
