import { join } from 'node:path'
import { type Service, startService } from '@heirloom/local-stack'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { bearer } from '../support/server.ts'
import { isListed, statusOf } from '../support/status-list.ts'
import {
  PATIENCE,
  admin,
  copy,
  dataDir,
  env,
  folder,
  refresh,
  server,
  start,
  untilLogin,
  untilLogout,
  untilNoticed,
  untilReady,
  whilePostgresIsStopped,
} from './rollback-stack.ts'

const untilListed = async (at: Service, access: string) => {
  await expect.poll(() => isListed({ service: at }, access), PATIENCE).toBe(true)
}

const another = async () => {
  const started = await start()
  onTestFinished(() => started.stop())
  await expect
    .poll(
      () =>
        fetch(`${started.url}/livez`)
          .then(({ ok }) => ok)
          .catch(() => false),
      PATIENCE,
    )
    .toBe(true)
  return started
}

test(
  'a revocation stays in every list when Postgres is restored, and no index is given twice',
  { timeout: 180_000 },
  async () => {
    const backup = join(folder, 'backup')
    const service = await startService({
      script: 'apps/resource-api',
      env: {
        ISSUER: 'http://127.0.0.1:4000',
        JWKS_URI: `${server.url}/.well-known/jwks.json`,
        STATUS_WAIT_SECONDS: '20',
      },
    })
    onTestFinished(() => service.stop())
    await service.ready()
    const answered = async (access: string) => {
      const { status } = await fetch(`${service.url}/api/me`, { headers: bearer(access) })
      return status
    }
    const before = await untilLogin()
    await whilePostgresIsStopped(() => copy(dataDir, backup))
    const [ended, later] = [await untilLogin(), await untilLogin()]
    await untilLogout(ended.token)
    await untilListed(server, ended.access)

    await whilePostgresIsStopped(() => copy(backup, dataDir))
    await untilNoticed()
    const newcomer = await another()
    for (const at of [server, newcomer]) await untilListed(at, ended.access)

    expect(await admin('restore')).toMatchObject({ restored: true })
    for (const at of [server, newcomer]) await untilReady(at)
    const next = await untilLogin()
    expect(statusOf(next.access).uri).not.toBe(statusOf(later.access).uri)
    for (const at of [server, newcomer]) {
      expect(await isListed({ service: at }, ended.access)).toBe(true)
      // In range, or a service would refuse them: the session from after the backup goes on, too.
      for (const { access, token } of [before, later, next]) {
        expect(await isListed({ service: at }, access)).toBe(false)
        expect((await refresh(token, at)).status).toBe(200)
      }
    }
    for (const { access } of [before, later, next]) expect(await answered(access)).toBe(200)
    expect(await answered(ended.access)).toBe(401)
    await untilLogout(next.token)
    for (const at of [server, newcomer]) await untilListed(at, next.access)
    await expect.poll(() => answered(next.access), PATIENCE).toBe(401)

    // The same backup once more: what was given since it was restored first counts, too. A list's number is of its 10 seconds.
    const tenSeconds = () => Math.floor(Date.now() / 10_000)
    const first = tenSeconds()
    await expect.poll(tenSeconds).toBeGreaterThan(first)
    await whilePostgresIsStopped(() => copy(backup, dataDir))
    await untilNoticed()
    expect(await admin('restore')).toMatchObject({ restored: true })
    await untilReady()
    const last = await untilLogin()
    expect([statusOf(later.access).uri, statusOf(next.access).uri]).not.toContain(statusOf(last.access).uri)
  },
)

test('a revocation stays in the list of a server that starts after Redis has lost everything', async () => {
  const { token, access } = await untilLogin()
  await untilLogout(token)
  const redis = new Redis(env['REDIS_URL'] ?? '')
  await redis.flushall()
  redis.disconnect()
  await untilListed(await another(), access)
  expect(await isListed({ service: server }, access)).toBe(true)
})

test('a shorter lifetime of tokens does not shorten the time that a revocation is listed', async () => {
  const { token, access } = await untilLogin()
  const before = env['ACCESS_TOKEN_TTL_SECONDS']
  env['ACCESS_TOKEN_TTL_SECONDS'] = '1'
  onTestFinished(() => {
    if (before === undefined) delete env['ACCESS_TOKEN_TTL_SECONDS']
  })
  await untilLogout(token)
  const brief = await another()
  await untilListed(brief, access)
})
