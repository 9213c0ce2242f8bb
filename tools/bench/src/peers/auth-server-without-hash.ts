// Our auth server, whose passwords are compared as they are: what is left of a login when its hash is taken out. For the
// benchmark only: the product has no such switch.
import { runService } from '@heirloom/http-service'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { buildApp } from '@heirloom/auth-server/internals/app'
import { wire } from '@heirloom/auth-server/internals/wiring'
import { readConfig } from '@heirloom/auth-server/internals/config'

await runService('auth-server', async () => {
  const config = readConfig(process.env)
  const metrics = new Registry()
  const parts = await wire(config, pino({ level: config.logLevel }), metrics)
  const { hasher } = parts.core
  hasher.hash = async (password) => password
  hasher.isCurrent = () => true
  hasher.verify = async (stored, password) => stored === password
  return { app: buildApp(parts, metrics), host: config.host, port: config.port, opsPort: undefined, metrics }
})
