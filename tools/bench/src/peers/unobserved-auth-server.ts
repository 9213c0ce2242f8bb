// Our auth server without observability: it drops every event, and neither counts nor times anything. An empty hook per
// request is left. For the benchmark only: the product has no such switch.
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
  const parts = await wire(config, pino({ level: config.logLevel }), metrics)
  parts.core.audit = () => undefined
  return { app: buildApp(parts, metrics), host: config.host, port: config.port, opsPort: undefined, metrics }
})
