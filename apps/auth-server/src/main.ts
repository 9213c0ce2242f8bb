import { LOG_HOOKS, createMetrics, runService } from '@heirloom/http-service'
import { pino } from 'pino'
import { buildApp } from './app.ts'
import { readConfig } from './config.ts'
import { restoreByItself } from './restore-by-itself.ts'
import { wire } from './wiring.ts'

await runService('auth-server', async () => {
  const config = readConfig(process.env)
  const metrics = createMetrics()
  const log = pino({ level: config.logLevel, hooks: LOG_HOOKS })
  const wired = await wire(config, log, metrics)
  const server = config.postgresRollback === 'restore' ? restoreByItself(wired, log) : wired
  const { host, port, opsPort, warnings } = config
  return { app: buildApp(server, metrics), host, port, opsPort, metrics, warnings }
})
