import { runService } from '@heirloom/service'
import { createVerifier } from '@heirloom/verifier'
import { buildApp } from './app.ts'
import { readConfig } from './config.ts'

await runService('resource-api', () => {
  const { host, port, logLevel, ...trust } = readConfig(process.env)
  const verifier = createVerifier({
    ...trust,
    onEvent: ({ type, ...event }) => app.log[type === 'keys_confirmed' ? 'debug' : 'info'](event, type),
  })
  const app = buildApp(verifier, logLevel)
  return { app, host, port }
})
