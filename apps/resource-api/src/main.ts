import { createMetrics, runService } from '@heirloom/service'
import { buildApp } from './app.ts'
import { readConfig } from './config.ts'

await runService('resource-api', () => {
  const config = readConfig(process.env)
  const metrics = createMetrics()
  const { host, port, opsPort } = config
  return { app: buildApp(config, metrics), host, port, opsPort, metrics }
})
