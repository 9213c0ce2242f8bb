// Our auth server that sees nothing of itself: events are dropped where they are recorded, nothing is counted or timed.
// What is left of it is an empty hook a request. For the benchmark only: the product has no such switch.
import { runService } from '@heirloom/http-service'
import { pino } from 'pino'
import { Histogram, Registry } from 'prom-client'
import { buildApp } from '@heirloom/auth-server/internals/app'
import { wire } from '@heirloom/auth-server/internals/wiring'
import { readConfig } from '@heirloom/auth-server/internals/config'

Histogram.prototype.observe = () => undefined

await runService('auth-server', async () => {
  const config = readConfig(process.env)
  const metrics = new Registry()
  const composition = await wire(config, pino({ level: config.logLevel }), metrics)
  composition.core.audit = () => undefined
  return { app: buildApp(composition, metrics), host: config.host, port: config.port, opsPort: undefined, metrics }
})
