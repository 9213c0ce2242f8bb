import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Store, startPostgres, startService } from '@heirloom/local-stack'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  PATIENCE,
  admin,
  ask,
  copy,
  dataDir,
  env,
  evict,
  expectDead,
  expectLive,
  expectNothingDecided,
  folder,
  postgres,
  server,
  startPostgresAgain,
  untilLogin,
  untilLogout,
  untilNoticed,
  untilReady,
  whilePostgresIsStopped,
} from './rollback-stack.ts'

describe('a standby takes over', { timeout: 180_000 }, () => {
  /** Streams from Postgres, until it is cut off. */
  async function startStandby(): Promise<Store> {
    const standbyDir = join(folder, 'standby')
    await whilePostgresIsStopped(() => copy(dataDir, standbyDir))
    const { username, password, port } = new URL(postgres.url)
    const conninfo = `host=127.0.0.1 port=${port} user=${username} password=${password}`
    appendFileSync(join(standbyDir, 'cluster', 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`)
    writeFileSync(join(standbyDir, 'cluster', 'standby.signal'), '')
    return startPostgres({ dataDir: standbyDir })
  }

  const untilCaughtUp = async (standby: Store) => {
    const written = await ask(postgres, 'SELECT pg_current_wal_lsn() AS answer')
    const hasIt = () => ask(standby, `SELECT pg_last_wal_replay_lsn() >= '${written}' AS answer`)
    await expect.poll(hasIt, PATIENCE).toBe(true)
  }

  const cutOff = async (standby: Store) => {
    await ask(standby, `ALTER SYSTEM SET primary_conninfo = ''`)
    await ask(standby, 'SELECT pg_reload_conf() AS answer')
    await expect.poll(() => ask(standby, 'SELECT count(*)::int AS answer FROM pg_stat_wal_receiver'), PATIENCE).toBe(0)
  }

  /** Postgres dies, and the standby takes its place and its address. */
  async function failOverTo(standby: Store) {
    postgres.kill('SIGKILL')
    await postgres.exited
    await ask(standby, 'SELECT pg_promote() AS answer')
    await standby.stop()
    copy(join(folder, 'standby'), dataDir)
    await startPostgresAgain()
  }

  test('with everything that was acknowledged: nobody notices', async () => {
    const [live, ended] = [await untilLogin(), await untilLogin()]
    const standby = await startStandby()
    await untilLogout(ended.token)
    await untilCaughtUp(standby)
    await failOverTo(standby)
    await untilLogin()
    await expectDead([ended.token], server)
    await expectLive([live.token], server)
    expect(await ask(postgres, 'SELECT is_lost AS answer FROM history')).toBe(false)
  })

  test('without the last logout: nothing is decided until a restore, which two may start at once', async () => {
    const [live, ended] = [await untilLogin(), await untilLogin()]
    const standby = await startStandby()
    await untilLogin()
    await untilCaughtUp(standby)
    await cutOff(standby)
    await untilLogout(ended.token)
    await failOverTo(standby)

    await untilNoticed()
    await expectNothingDecided([live.token, ended.token], server)
    const both = await Promise.all([admin('restore'), admin('restore')])
    expect(both.some(({ restored }) => restored)).toBe(true)
    await untilReady()
    await expectDead([ended.token], server)
    await expectLive([live.token], server)
  })

  /** Two servers that restore by themselves, and are told apart by Postgres. */
  async function startTwo() {
    const named = (name: string) =>
      startService({
        script: 'apps/auth-server',
        env: { ...env, DATABASE_URL: `${postgres.url}?application_name=${name}`, POSTGRES_ROLLBACK: 'restore' },
      })
    const two = { first: await named('first'), second: await named('second') }
    onTestFinished(() => Promise.all([two.first.stop(), two.second.stop()]).then(() => undefined))
    await Promise.all([two.first.ready(), two.second.ready()])
    return two
  }

  /** A standby lacks a logout and a login; Redis lacks one session that both have. */
  async function loseSomething() {
    const [live, ended, evicted] = [await untilLogin(), await untilLogin(), await untilLogin()]
    const standby = await startStandby()
    await untilLogin()
    await untilCaughtUp(standby)
    await cutOff(standby)
    await untilLogout(ended.token)
    const since = await untilLogin()
    await evict(evicted.token)
    return { standby, going: [live.token, since.token], gone: [ended.token, evicted.token] }
  }

  const restores = () =>
    ask(postgres, `SELECT count(*)::int AS answer FROM security_events WHERE type = 'postgres_restored'`)

  test('POSTGRES_ROLLBACK=restore: one of two servers ends the sessions of unknown fate, and the rest continue', async () => {
    const two = await startTwo()
    const { standby, going, gone } = await loseSomething()
    const before = await restores()
    await failOverTo(standby)
    await expect.poll(restores, PATIENCE).toBe(before + 1)
    // The one that stops until an operator acts goes on with them.
    for (const at of [two.first, two.second, server]) {
      await untilReady(at)
      await expectDead(gone, at)
    }
    await expectLive(going, two.first)
    expect(await restores()).toBe(before + 1)
    const said = [...two.first.output, ...two.second.output].filter((line) =>
      line.includes('and this server restored it'),
    )
    expect(said).toHaveLength(1)
  })

  test('POSTGRES_ROLLBACK=restore: if one is killed in the middle, the other one restores', async () => {
    const two = await startTwo()
    const { standby, going, gone } = await loseSomething()
    const before = await restores()
    for (const one of Object.values(two)) one.kill('SIGSTOP')
    await failOverTo(standby)
    const blocker = new pg.Client({ connectionString: postgres.url })
    await blocker.connect()
    await blocker.query('BEGIN')
    await blocker.query('LOCK TABLE families IN SHARE MODE')
    for (const one of Object.values(two)) one.kill('SIGCONT')

    const holder = `SELECT application_name AS answer FROM pg_stat_activity JOIN pg_locks USING (pid)
      WHERE locktype = 'advisory' AND granted AND state = 'idle in transaction'`
    await expect.poll(() => ask(postgres, holder), PATIENCE).toMatch(/first|second/)
    const name = (await ask(postgres, holder)) as keyof typeof two
    const other = name === 'first' ? 'second' : 'first'
    two[name].kill('SIGKILL')
    await expect.poll(() => ask(postgres, holder), PATIENCE).toBe(other)
    await expectNothingDecided([...going, ...gone], server)
    expect(await restores()).toBe(before)
    await blocker.end()

    await expect.poll(restores, PATIENCE).toBe(before + 1)
    for (const at of [two[other], server]) {
      await untilReady(at)
      await expectDead(gone, at)
    }
    await expectLive(going, two[other])
  })

  test('POSTGRES_ROLLBACK=restore: a server whose Redis does not show the loss leaves it to the operator', async () => {
    const live = await untilLogin()
    const { first, second } = await startTwo()
    await ask(postgres, 'UPDATE history SET is_lost = true')
    for (const at of [first, second])
      await expect.poll(() => at.output.join(), PATIENCE).toMatch('does not show that data is missing')
    await untilNoticed(first)
    expect(await admin('restore')).toMatchObject({ restored: true })
    await untilReady(first)
    await expectLive([live.token], first)
  })
})
