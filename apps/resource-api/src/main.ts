import { setFlagsFromString } from 'node:v8'
import { createMetrics, runService } from '@heirloom/http-service'
import { buildApp } from './app.ts'
import { readConfig } from './config.ts'

// By default V8 lets the heap more than double before it collects. With this flag a replica holds 20 MB less under load, and
// no cost in CPU could be measured. NODE_OPTIONS does not accept the flag.
setFlagsFromString('--heap-growing-percent=20')

await runService('resource-api', () => {
  const config = readConfig(process.env)
  const metrics = createMetrics()
  const { host, port, opsPort, warnings } = config
  return { app: buildApp(config, metrics), host, port, opsPort, metrics, warnings }
})
