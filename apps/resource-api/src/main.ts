import { runService } from '@heirloom/service'
import { buildApp } from './app.ts'
import { readConfig } from './config.ts'

await runService('resource-api', () => {
  const config = readConfig(process.env)
  return { app: buildApp(config), host: config.host, port: config.port }
})
