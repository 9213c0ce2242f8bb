import { readFileSync, writeFileSync } from 'node:fs'
import { freePort, startService } from '@heirloom/local-stack'
import { afterAll, beforeAll, vi } from 'vitest'
import { checkAll } from '../support/check-all.ts'
import { startIssuer } from '../support/issuer.ts'
import { folder, recipe, startApplication, startProgram } from './support.ts'

const issuer = await startIssuer()
const address = `127.0.0.1:${await freePort()}`
const url = `http://${address}`

beforeAll(async () => {
  const env = { ISSUER: issuer.url, NODE_EXTRA_CA_CERTS: issuer.caFile }
  const tokenCheck = await startService({ script: 'examples/src/forward-auth.ts', env })
  afterAll(() => tokenCheck.stop())
  await vi.waitFor(() => fetch(tokenCheck.url), { timeout: 30_000 })

  const place = folder('nginx')
  const server = readFileSync(recipe('nginx/heirloom.conf'), 'utf8')
    .replace('127.0.0.1:8080', address)
    .replace('127.0.0.1:3001', new URL(tokenCheck.url).host)
    .replace('127.0.0.1:3000', await startApplication())
  writeFileSync(
    `${place}/nginx.conf`,
    `daemon off; pid ${place}/pid; error_log stderr; events {} http { access_log off; ${server} }`,
  )
  await startProgram(url, {}, '/usr/sbin/nginx', '-p', place, '-e', 'stderr', '-c', `${place}/nginx.conf`)
})

checkAll(issuer, () => url)
