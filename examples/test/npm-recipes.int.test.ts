import { startService } from '@heirloom/local-stack'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { checkAll } from './support/check-all.ts'
import { startIssuer } from './support/issuer.ts'

const issuer = await startIssuer()

/** Runs it as its reader would: `ISSUER=… PORT=… node src/jose.ts`. */
async function start(name: string, env: Record<string, string>) {
  const service = await startService({ script: `examples/src/${name}.ts`, env })
  await vi.waitFor(() => fetch(service.url), { timeout: 30_000 })
  return service
}

describe.each(['jose', 'express-oauth2-jwt-bearer', 'aws-jwt-verify', 'passport-jwt'])('%s', (name) => {
  let url: string

  beforeAll(async () => {
    const service = await start(name, { ISSUER: issuer.url, NODE_EXTRA_CA_CERTS: issuer.caFile })
    afterAll(() => service.stop())
    url = service.url
  })

  checkAll(issuer, () => url)
})

it('jose: a token is not refused because the keys cannot be fetched', async () => {
  const service = await start('jose', { ISSUER: 'http://127.0.0.1:1' })
  onTestFinished(() => service.stop())
  const { token } = issuer.cases['a token from a login']
  const answer = await fetch(`${service.url}/reports`, { headers: { authorization: `Bearer ${token}` } })
  expect(answer.status).toBe(503)
})
