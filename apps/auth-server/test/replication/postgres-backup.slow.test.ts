import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PASSWORD } from '../support/server.ts'
import {
  PATIENCE,
  admin,
  copy,
  dataDir,
  evict,
  expectDead,
  expectLive,
  expectNothingDecided,
  folder,
  post,
  readiness,
  refresh,
  server,
  start,
  untilLogin,
  untilLogout,
  untilNoticed,
  untilReady,
  whilePostgresIsStopped,
} from './rollback-stack.ts'

describe('Postgres restored from an old backup', { timeout: 180_000 }, () => {
  test('nothing is decided until a restore; then no revoked session returns, and those that Redis has continue', async () => {
    const [live, refreshed, ended, endedToo, evicted] = [
      await untilLogin(),
      await untilLogin(),
      await untilLogin(),
      await untilLogin(),
      await untilLogin(),
    ]
    const [bob, bobElsewhere] = [await untilLogin('bob'), await untilLogin('bob')]

    await whilePostgresIsStopped(() => copy(join(dataDir, 'cluster'), join(folder, 'backup')))

    const since = await untilLogin()
    for (const { token } of [ended, endedToo]) await untilLogout(token)
    const next = await refresh(refreshed.token)
    const change = { current_password: PASSWORD, new_password: 'another long and quiet walk' }
    expect(await post('/auth/password', change, server, { authorization: `Bearer ${bob.access}` })).toMatchObject({
      status: 204,
    })

    await whilePostgresIsStopped(() => copy(join(folder, 'backup'), join(dataDir, 'cluster')))
    await untilNoticed()
    const second = await start()
    await expect
      .poll(() => readiness(second).catch(() => second.output.join()), PATIENCE)
      .toMatch(/^503 .*npm run admin -- restore/)

    await evict(evicted.token)
    const [going, gone] = [
      [live, next, since, bob].map(({ token }) => token),
      [ended, endedToo, evicted, bobElsewhere].map(({ token }) => token),
    ]
    try {
      for (const at of [server, second]) {
        await expectNothingDecided([...going, ...gone], at)
        expect(await post('/auth/login', { username: 'ann', password: PASSWORD }, at)).toMatchObject({
          status: 503,
          token: '',
        })
        expect((await fetch(`${at.url}/.well-known/jwks.json`)).status).toBe(200)
      }

      expect(await admin('restore')).toEqual({
        restored: true,
        deleted_again: 0,
        merged: 7,
        recovered: 1,
        revocations_recovered: 3,
        revoked: 1,
        accounts_changed: ['bob'],
      })
      for (const at of [server, second]) {
        await untilReady(at)
        await expectDead(gone, at)
      }
      await expectLive(going, server)
      expect(await admin('restore')).toEqual({ restored: false })
      expect(await readiness()).toMatch(/^200/)
    } finally {
      await second.stop()
    }
  })
})
