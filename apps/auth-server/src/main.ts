import { runService } from '@heirloom/service'
import { pino } from 'pino'
import { buildApp } from './app.ts'
import { compose } from './compose.ts'
import { readConfig } from './config.ts'

await runService('auth-server', async () => {
  const config = readConfig(process.env)
  const composition = await compose(config, pino({ level: config.logLevel }))
  return { app: buildApp(composition), host: config.host, port: config.port }
})
