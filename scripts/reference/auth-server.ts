import { generateKeyPairSync } from 'node:crypto'
import { createMetrics } from '@heirloom/http-service'
import { buildApp } from '../../apps/auth-server/src/app.ts'
import { readConfig } from '../../apps/auth-server/src/config.ts'
import { addGauges, eventCounter } from '../../apps/auth-server/src/metrics.ts'
import type { ServerParts } from '../../apps/auth-server/src/wiring.ts'
import { localKeySet } from '../../packages/verifier/src/keys/local-key-set.ts'

type Measured = Parameters<typeof addGauges>[1]

const SECRET = 'no secret: nothing is encrypted with it'

/** The app with all its routes and metrics, but without stores. It can describe itself, and answers no request. */
export async function describedServer() {
  const metrics = createMetrics()
  const config = readConfig({
    DATABASE_URL: 'postgres://none@localhost/none',
    TOKEN_SECRETS: SECRET,
    KEY_ENCRYPTION_SECRET: SECRET,
    LOG_LEVEL: 'silent',
  })
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicJwk = { ...publicKey.export({ format: 'jwk' }), kid: 'none', alg: 'ES256' }
  const core = { config } as ServerParts['core']
  const parts = {
    core,
    keySet: localKeySet([publicJwk], ['ES256']),
    close: async () => undefined,
  } as Partial<ServerParts>
  const app = buildApp(parts as ServerParts, metrics)
  eventCounter(metrics)
  const measured: Partial<Measured> = { isRedisEnabled: () => true }
  addGauges(metrics, measured as Measured)
  await app.ready()
  return { app, metrics }
}
