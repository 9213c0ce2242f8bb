import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { findBrowser, startService } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { seenIn } from './browser.ts'
import type { Login, LoginWay } from '../src/engine/login.ts'
import type { RunResult } from '../src/result.ts'
import { writeRealm } from '../src/stack/realm.ts'

const folder = mkdtempSync(join(tmpdir(), 'heirloom-load-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Returns its output. @param expected its exit code. */
async function load(line: string, expected = 0, secrets: Record<string, string> = {}) {
  const env = { ...process.env, ...secrets }
  const child = spawn(process.execPath, ['apps/load-test/src/main.ts', ...line.split(' ')], { env })
  onTestFinished(() => void child.kill())
  const [out, err, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once('exit', resolve)),
  ])
  if (code !== expected) throw new Error(`exit code ${code}\n${err}\n${out}`)
  return { out, err }
}

/** The numbers of a report of one run. */
function runIn(report: string): RunResult {
  const [, json = ''] =
    /<script type="application\/json" id="data">(.*)<\/script>/.exec(readFileSync(report, 'utf8')) ?? []
  return (JSON.parse(json) as { runs: [RunResult] }).runs[0]
}

describe('a run on a stack of its own', () => {
  const report = join(folder, 'run.html')
  const browser = findBrowser()

  it('ends with a summary, a report and exit code 0', { timeout: 180_000 }, async () => {
    const stack = '--replicas 2 --auth-servers 1 --clients 200 --think 1s'
    const limits = '--max-error-rate 0 --max-p99 60s'
    const { out, err } = await load(`${stack} --duration 4s --profile refresh-heavy ${limits} --report ${report}`)
    expect(err).toContain(report)
    expect(out).toMatch(/^refresh-heavy on 2 replicas, 200 clients$/m)
    expect(out).toMatch(/false refusals +0$/m)
    const lines = out.trimEnd().split('\n')
    expect(lines.length).toBeLessThanOrEqual(24)

    const { measured, used, connections } = runIn(report)
    expect(measured.counts.call.ok).toBeGreaterThan(200)
    expect(measured.counts.refresh.ok).toBeGreaterThan(0)
    expect(Object.keys(measured.servers)).toEqual(['replica 1', 'replica 2'])
    expect(used?.authRoutes['/auth/refresh']).toBeGreaterThanOrEqual(measured.counts.refresh.ok)
    expect(used?.authRoutes['/.well-known/jwks.json'] ?? 0).toBeLessThanOrEqual(2)
    // Connections of auth servers are counted, and replicas have none.
    if (process.platform === 'linux') expect(connections?.authServers).toBeGreaterThan(0)
    expect(connections?.replicas ?? 0).toBe(0)
  })

  it('its report is one file', () => {
    const page = readFileSync(report, 'utf8')
    expect(page.match(/<svg /g)).toHaveLength(3)
    expect(page).not.toMatch(/\bsrc=|\bhref=|@import|url\(/)
    expect(page).not.toMatch(/NaN|undefined|Infinity/)
  })

  it('its report looks right in a browser, wide and narrow', { timeout: 180_000 }, async ({ skip }) => {
    const program = browser ?? skip('there is no chromium here to look at the report with')
    for (const width of [1200, 500]) {
      const { pictures, ...seen } = await seenIn(program, readFileSync(report, 'utf8'), width, folder)
      expect(seen).toEqual({ cutOff: [], overflow: 0, fetched: [] })
      expect(pictures).toHaveLength(3)
      for (const picture of pictures) {
        expect(picture.width).toBeGreaterThan(400)
        expect(picture.shortestLine).toBeGreaterThan(100)
      }
    }
  })
})

it.each([
  ['restarted', 'rolling'],
  ['restarted and killed', 'chaos'],
])('no call is lost while all processes are %s in turn', { timeout: 180_000 }, async (_, profile) => {
  const report = join(folder, `${profile}.html`)
  const stack = '--replicas 2 --auth-servers 2 --clients 100 --think 500ms'
  await load(`${stack} --duration 7s --profile ${profile} --max-error-rate 0 --report ${report}`)
  const { measured, events } = runIn(report)
  expect(events.filter(({ what }) => what.endsWith('is back')).length).toBeGreaterThan(0)
  expect(measured.counts.call.ok).toBeGreaterThan(500)
})

describe('a stack that runs already', () => {
  let where: string
  let logins: Record<LoginWay, Login>
  beforeAll(async () => {
    const { databaseUrl, redisUrl } = await testStores()
    const realm = join(folder, 'realm.yaml')
    logins = writeRealm(realm)
    const secret = () => randomBytes(32).toString('base64')
    const auth = await startService({
      script: 'apps/auth-server',
      env: {
        DATABASE_URL: databaseUrl,
        REDIS_URL: redisUrl,
        REALM_FILE: realm,
        TOKEN_SECRETS: secret(),
        KEY_ENCRYPTION_SECRET: secret(),
      },
    })
    afterAll(() => auth.stop())
    await auth.ready()
    const api = await startService({
      script: 'apps/resource-api',
      env: { JWKS_URI: `${auth.url}/.well-known/jwks.json` },
    })
    afterAll(() => api.stop())
    await api.ready()
    where = `--target ${api.url} --auth ${auth.url}`
  }, 120_000)

  it('is attacked, and a broken limit is reported in a sentence', { timeout: 180_000 }, async () => {
    const report = join(folder, 'attack.html')
    const attack = '--clients 10 --rate 200/s --duration 2s --profile attack --max-p99 0.001ms'
    const { out, err } = await load(`${where} ${attack} --report ${report}`, 1)
    expect(err).toMatch(/^One call in a hundred took longer than [\d.]+ ms\. The limit was 0\.001 ms\.$/m)
    expect(out).toMatch(/attacks +[1-9]\d*, 0 not refused/)
    expect(runIn(report).measured.counts.call.ok).toBeGreaterThan(100)
  })

  it.each(['code', 'client-credentials'] as const)('clients log in by %s', { timeout: 180_000 }, async (way) => {
    const report = join(folder, `${way}.html`)
    const { clientId = '', redirectUri, secret } = logins[way]
    const login = `--login ${way} --client ${clientId}${redirectUri === undefined ? '' : ` --redirect-uri ${redirectUri}`}`
    const run = `${where} ${login} --clients 10 --think 100ms --duration 2s --max-error-rate 0 --report ${report}`
    await load(run, 0, secret === undefined ? {} : { LOAD_CLIENT_SECRET: secret })
    expect(runIn(report).measured.counts.call.ok).toBeGreaterThan(20)
    if (secret === undefined) return
    const { err } = await load(run, 1, { LOAD_CLIENT_SECRET: 'another' })
    expect(err).toMatch(/answered a login with 401 invalid_client: check the client$/m)
  })
})

it('several processes that share a refresh token need no login', async () => {
  const { out } = await load(`shared-token --processes 3 --refreshes 9 --report ${join(folder, 'shared.html')}`)
  expect(out).toMatch(/^refreshes +9\nrefused refreshes +0\nlogins needed +0\nfamilies ended by reuse +0$/m)
})
