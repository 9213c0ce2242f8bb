import { startService } from '@heirloom/local-stack'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { checkAll } from './support/check-all.ts'
import { startIssuer } from './support/issuer.ts'

const issuer = await startIssuer()

const RECIPES = {
  jose: 'src/jose.ts',
  edge: 'test/support/edge-runtime.ts',
  'express-oauth2-jwt-bearer': 'src/express-oauth2-jwt-bearer.ts',
  'aws-jwt-verify': 'src/aws-jwt-verify.ts',
  'passport-jwt': 'src/passport-jwt.ts',
}

/** Runs it as its reader would: `ISSUER=… PORT=… node src/jose.ts`. */
async function start(script: string, env: Record<string, string>) {
  const service = await startService({ script: `examples/${script}`, env })
  await vi.waitFor(() => fetch(service.url), { timeout: 30_000 })
  return service
}

describe.each(Object.entries(RECIPES))('%s', (_, script) => {
  let url: string

  beforeAll(async () => {
    const service = await start(script, { ISSUER: issuer.url, NODE_EXTRA_CA_CERTS: issuer.caFile })
    afterAll(() => service.stop())
    url = service.url
  })

  checkAll(issuer, () => url)
})

it.each(['jose', 'edge'] as const)('%s: a token is not refused because the keys cannot be fetched', async (name) => {
  const service = await start(RECIPES[name], { ISSUER: 'http://127.0.0.1:1' })
  onTestFinished(() => service.stop())
  const { token } = issuer.cases['a token from a login']
  const answer = await fetch(`${service.url}/reports`, { headers: { authorization: `Bearer ${token}` } })
  expect(answer.status).toBe(503)
})
