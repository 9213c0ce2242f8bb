import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { freePort } from '@heirloom/local-stack'
import { beforeAll, expect, it } from 'vitest'
import { checkAll } from '../support/check-all.ts'
import { startIssuer } from '../support/issuer.ts'
import { folder, recipe, startApplication, startProgram } from './support.ts'

const issuer = await startIssuer()
const bind = `127.0.0.1:${await freePort()}`
const url = `http://${bind}`
let haproxy: Awaited<ReturnType<typeof startProgram>>
const keys = folder('haproxy-keys')

async function fetchKeys() {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: issuer.caFile }
  const command = [recipe('haproxy/fetch-keys.ts'), issuer.url, keys]
  return (await promisify(execFile)(process.execPath, command, { env })).stdout
}

beforeAll(async () => {
  await fetchKeys()
  const env = { ISSUER: issuer.url, KEYS: keys, BIND: bind, APPLICATION: await startApplication() }
  haproxy = await startProgram(url, env, 'haproxy', '-W', '-db', '-f', recipe('haproxy/haproxy.cfg'))
})

checkAll(issuer, () => url)

it('accepts tokens of the next key after a fetch and a reload of HAProxy', { timeout: 120_000 }, async () => {
  expect(await fetchKeys()).toBe('')
  const env = { PATH: process.env['PATH'], ...issuer.env }
  await promisify(execFile)(process.execPath, ['apps/auth-server/src/admin.ts', 'key', 'rotate'], { env })
  await expect.poll(fetchKeys, { timeout: 60_000 }).toBe('2 keys\n')
  const { token } = (await issuer.casesWithNewestKey())['the same claims, signed here']
  const status = async () => (await fetch(`${url}/reports`, { headers: { authorization: `Bearer ${token}` } })).status
  expect(await status()).toBe(401)
  haproxy.kill('SIGUSR2')
  await expect.poll(status, { timeout: 60_000 }).toBe(200)
})
