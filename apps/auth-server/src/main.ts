import { LOG_HOOKS, createMetrics, runService } from '@heirloom/service'
import { pino } from 'pino'
import { buildApp } from './app.ts'
import { compose } from './compose.ts'
import { readConfig } from './config.ts'

await runService('auth-server', async () => {
  const config = readConfig(process.env)
  const metrics = createMetrics()
  const composition = await compose(config, pino({ level: config.logLevel, hooks: LOG_HOOKS }), metrics)
  const { host, port, opsPort, warnings } = config
  return { app: buildApp(composition, metrics), host, port, opsPort, metrics, warnings }
})
