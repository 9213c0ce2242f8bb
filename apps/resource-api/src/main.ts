import { setFlagsFromString } from 'node:v8'
import { createMetrics, runService } from '@heirloom/http-service'
import { buildApp } from './app.ts'
import { readConfig } from './config.ts'

// V8 would let what survives more than double before it collects: under load a replica holds 20 MB less this way, at no cost in
// CPU that could be measured. NODE_OPTIONS does not take this flag.
setFlagsFromString('--heap-growing-percent=20')

await runService('resource-api', () => {
  const config = readConfig(process.env)
  const metrics = createMetrics()
  const { host, port, opsPort, warnings } = config
  return { app: buildApp(config, metrics), host, port, opsPort, metrics, warnings }
})
