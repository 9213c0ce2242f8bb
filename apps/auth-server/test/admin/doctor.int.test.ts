import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, startRedisCluster } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { Redis } from 'ioredis'
import { beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { examine } from '../../src/admin/doctor.ts'
import type { Finding } from '../../src/admin/doctor/finding.ts'
import { keyEncryption } from '../../src/keys/key-encryption.ts'
import { KeyRing } from '../../src/keys/key-ring.ts'
import { openDatabase } from '../../src/postgres/database.ts'
import { runAdmin } from '../support/admin.ts'
import { type TestServer, testServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  const port = String(await freePort())
  server = await testServer({ PORT: port, ISSUER: `http://127.0.0.1:${port}` })
})

interface Report {
  ok: boolean
  findings: Finding[]
}

/** The findings with the settings of the server, some of them changed. */
async function doctor(changed: Record<string, string> = {}) {
  const findings = await examine({ ...server.env, ...changed })
  return { findings, lines: linesOf(findings) }
}

const linesOf = (findings: readonly Finding[]) => findings.map(({ level, check }) => `${level} ${check}`)

/** The same by the command itself. */
async function command(changed: Record<string, string> = {}) {
  const { code, stderr, answer } = await runAdmin({ ...server.env, ...changed }, '', 'doctor')
  const { ok, findings } = answer as Report
  return { exitCode: code, ok, stderr, findings, lines: linesOf(findings) }
}

/** A migrated database and a Redis that no server uses, for a test that breaks them. */
async function ownStores() {
  const { databaseUrl, superuserUrl, redisUrl } = await testStores()
  const asSuperuser = openDatabase({ url: superuserUrl, poolSize: 1, statementTimeoutMs: 5_000 })
  const redis = new Redis(redisUrl)
  onTestFinished(async () => {
    redis.disconnect()
    await asSuperuser.$disconnect()
  })
  const sql = (statement: string) => asSuperuser.$executeRawUnsafe(statement)
  return { asSuperuser, sql, redis, superuserUrl, env: { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } }
}

const withClockAhead = (ms: number) => ({
  NODE_OPTIONS: `--import=data:text/javascript,const%20now=Date.now;Date.now=()=>now()+${ms}`,
})

test('finds nothing wrong with an installation that works', async () => {
  expect(await command()).toMatchObject({ exitCode: 0, ok: true, stderr: '', findings: [] })
})

describe('settings', () => {
  test('that are bad are all named, and nothing else is checked', async () => {
    const { exitCode, lines, stderr } = await command({ PORT: 'x', TOKEN_SECRETS: 'hunter2' })
    expect([exitCode, lines]).toEqual([1, ['broken settings', 'broken settings']])
    expect(stderr).toMatch(/^admin: broken: PORT must be .*\nadmin: broken: TOKEN_SECRETS must be .*\n$/)
    expect(stderr).not.toContain('hunter2')
  })

  test('that look misspelt are a warning', async () => {
    const { exitCode, lines, stderr } = await command({ REDIS_URI: 'x' })
    expect([exitCode, lines]).toEqual([0, ['warning settings']])
    expect(stderr).toBe(
      'admin: warning: "REDIS_URI" is not a setting and is ignored. Did you mean REDIS_URL? Correct its name, or remove it.\n',
    )
  })
})

describe('Postgres', () => {
  test('that does not answer is broken', async () => {
    const { lines, findings } = await doctor({ DATABASE_URL: 'postgres://a:hunter2@127.0.0.1:1/b' })
    expect(lines).toEqual(['broken postgres'])
    expect(findings[0]).toMatchObject({ cause: 'Nothing listens at the host and port in DATABASE_URL' })
    expect(JSON.stringify(findings)).not.toContain('hunter2')
  })

  test('without the newest migration is broken', async () => {
    const { sql, env } = await ownStores()
    await sql(
      'DELETE FROM _prisma_migrations WHERE migration_name = (SELECT max(migration_name) FROM _prisma_migrations)',
    )
    const { findings } = await doctor(env)
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'postgres', level: 'broken', cure: expect.stringContaining('npm run migrate') }),
    )
  })

  test('whose tables the role may not read is broken', async () => {
    const { sql, env } = await ownStores()
    await sql(`REVOKE SELECT ON families FROM "${new URL(env.DATABASE_URL).username}"`)
    const { findings } = await doctor(env)
    expect(findings[0]).toMatchObject({ level: 'broken', cause: expect.stringContaining('lacks privileges') })
  })

  test('that is read-only is broken', async () => {
    const { sql, env } = await ownStores()
    await sql(`ALTER DATABASE "${new URL(env.DATABASE_URL).pathname.slice(1)}" SET default_transaction_read_only = on`)
    const { findings } = await doctor(env)
    expect(findings[0]).toMatchObject({ level: 'broken', cause: 'Postgres is read-only' })
  })

  test('with a superuser in DATABASE_URL is a warning', async () => {
    const { lines, findings } = await doctor({ DATABASE_URL: server.superuserUrl })
    expect(lines).toEqual(['warning postgres'])
    expect(findings[0]).toMatchObject({ cure: expect.stringContaining('npm run roles') })
  })
})

describe('Redis', () => {
  test('that does not answer is broken', async () => {
    const { lines, findings } = await doctor({ REDIS_URL: 'redis://:hunter2@127.0.0.1:1' })
    expect(lines).toEqual(['broken redis'])
    expect(findings[0]).toMatchObject({ cause: 'Nothing listens at the host and port in REDIS_URL' })
  })

  test('that is a cluster is checked too', { timeout: 90_000 }, async () => {
    const cluster = await startRedisCluster({
      dataDir: join(inject('runFolder'), 'doctor-cluster'),
      settings: { 'maxmemory-policy': 'allkeys-lru' },
    })
    onTestFinished(() => cluster.stop())
    const { findings, lines } = await doctor({ REDIS_URL: cluster.url })
    expect(lines).toEqual(['warning redis', 'warning redis'])
    expect(findings[0]).toMatchObject({ cause: expect.stringContaining('maxmemory-policy is allkeys-lru') })
  })

  test('that is full is broken', async () => {
    const { redis, env } = await ownStores()
    await redis.config('SET', 'maxmemory', '1')
    const { findings } = await doctor({ REDIS_URL: env.REDIS_URL })
    expect(findings).toMatchObject([{ level: 'broken', check: 'redis', cause: 'Redis is full' }])
  })

  test('that evicts keys is a warning', async () => {
    const { redis, env } = await ownStores()
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
    const { findings } = await doctor({ ...env, ISSUER: server.env['ISSUER'] ?? '' })
    expect(findings).toContainEqual(
      expect.objectContaining({ level: 'warning', cause: expect.stringContaining('maxmemory-policy is allkeys-lru') }),
    )
  })

  test('that is not the one of the servers is a warning', async () => {
    const { env } = await ownStores()
    const other = await doctor({ REDIS_URL: env.REDIS_URL })
    expect(other.lines).toEqual(['warning redis'])
    expect(other.findings[0]).toMatchObject({ cause: expect.stringMatching(/^The servers use a different Redis/) })
    const none = await doctor({ REDIS_URL: '' })
    expect(none.lines).toEqual(['warning redis'])
    expect(none.findings[0]).toMatchObject({ cause: expect.stringContaining('REDIS_URL is not set here') })
  })
})

test('clocks that differ by 5 s are a warning, and by 1 s are not', async () => {
  const { exitCode, lines, findings } = await command(withClockAhead(5_000))
  expect([exitCode, lines]).toEqual([0, ['warning clocks']])
  expect(findings[0]).toMatchObject({
    cause: expect.stringMatching(/Postgres is [45]\.\d s behind this machine, Redis is [45]\.\d s behind/),
  })
  expect((await command(withClockAhead(1_000))).lines).toEqual([])
})

describe('signing keys', () => {
  const policy = { algorithm: 'ES256', bits: 2048, leadMs: 3_600_000, retireMs: () => 0, rotateAfterMs: null } as const

  /** A database with a key, that no server works on. */
  async function withKey() {
    const stores = await ownStores()
    const keys = new KeyRing(
      stores.asSuperuser,
      keyEncryption(server.env['KEY_ENCRYPTION_SECRET'] ?? ''),
      policy,
      () => undefined,
    )
    await keys.refresh()
    const ofKeys = async (changed: Record<string, string> = {}) => {
      const { findings } = await doctor({ ...stores.env, ...changed })
      return { findings: findings.filter(({ check }) => check === 'keys') }
    }
    return { ...stores, keys, ofKeys }
  }

  test('that KEY_ENCRYPTION_SECRET does not decrypt are broken', async () => {
    const { ofKeys } = await withKey()
    expect(await ofKeys({ KEY_ENCRYPTION_SECRET: 'x'.repeat(32) })).toMatchObject({
      findings: [{ level: 'broken', cause: expect.stringContaining('does not decrypt 1 of the 1') }],
    })
  })

  test('are a warning while there is none', async () => {
    const { env } = await ownStores()
    const { findings } = await doctor(env)
    expect(findings).toContainEqual(
      expect.objectContaining({ level: 'warning', cause: 'No signing key is in use yet' }),
    )
  })

  test('that are older than a rotation are a warning, and due soon a note', async () => {
    const { ofKeys, sql } = await withKey()
    expect(await ofKeys()).toMatchObject({ findings: [] })
    await sql(`UPDATE signing_keys SET created_at = now() - interval '89 days'`)
    expect((await ofKeys()).findings).toMatchObject([{ level: 'note', cause: expect.stringContaining('is due') }])
    await sql(`UPDATE signing_keys SET created_at = now() - interval '91 days'`)
    expect((await ofKeys()).findings).toMatchObject([
      { level: 'warning', cause: expect.stringContaining('91 days old') },
    ])
  })

  test('that are coming are a note', async () => {
    const { ofKeys, keys } = await withKey()
    await keys.rotate()
    expect((await ofKeys()).findings).toMatchObject([{ level: 'note', cause: expect.stringContaining('signs from') }])
  })
})

describe('the issuer', () => {
  test('that does not answer is a warning', async () => {
    const { lines, findings } = await doctor({ ISSUER: 'http://127.0.0.1:1' })
    expect(lines).toEqual(['warning issuer'])
    expect(findings[0]).toMatchObject({ cause: expect.stringMatching(/does not answer from this machine: http.*: \w/) })
  })

  test('that answers as another one is broken', async () => {
    const { port } = new URL(server.service.url)
    const { lines, findings } = await doctor({ ISSUER: `http://localhost:${port}` })
    expect(lines).toEqual(['broken issuer'])
    expect(findings[0]).toMatchObject({
      cause: expect.stringContaining(`answers for the issuer "${server.env['ISSUER']}"`),
    })
  })

  test('whose key set is of another database is broken', async () => {
    const { sql, asSuperuser, env } = await ownStores()
    const secret = keyEncryption(server.env['KEY_ENCRYPTION_SECRET'] ?? '')
    const policy = { algorithm: 'ES256', bits: 2048, leadMs: 0, retireMs: () => 0, rotateAfterMs: null } as const
    await new KeyRing(asSuperuser, secret, policy, () => undefined).refresh()
    await sql(`UPDATE signing_keys SET created_at = now() - interval '1 hour'`)
    const { lines } = await doctor(env)
    expect(lines).toEqual(['note realm', 'broken issuer'])
  })
})

describe('the realm', () => {
  const file = (content: string) => {
    const path = join(inject('runFolder'), `doctor-${randomUUID()}.yaml`)
    writeFileSync(path, content)
    return path
  }
  const ofRealm = async (changed: Record<string, string>) =>
    (await doctor(changed)).findings.filter(({ check }) => check === 'realm')

  test('that is empty is broken, unless a file is there to fill it', async () => {
    const { env } = await ownStores()
    expect(await ofRealm({ ...env, REALM_FILE: '' })).toMatchObject([
      { level: 'broken', cause: 'The realm is empty, so nobody can log in' },
    ])
    expect(await ofRealm(env)).toMatchObject([{ level: 'note' }])
    expect(await ofRealm({ ...env, REALM_FILE: file('client: {}') })).toMatchObject([
      { level: 'broken', cause: expect.stringMatching(/^REALM_FILE: .*:1: client is unknown here/) },
    ])
  })

  test('that differs from the file is a note, and a file with faults a warning', async () => {
    expect(await ofRealm({ REALM_FILE: file('clients: { app: {} }') })).toMatchObject([
      { level: 'note', cause: expect.stringContaining('differs from the realm in 7 rows: client app, realm, ') },
    ])
    expect(await ofRealm({ REALM_FILE: '/nowhere.yaml' })).toMatchObject([{ level: 'warning' }])
  })

  test('with a fault, such as a resource that is now the issuer, is a warning', async () => {
    const { sql, env } = await ownStores()
    await sql(`INSERT INTO resources VALUES ('https://auth.example', 'x', '{}', '{}')`)
    expect(await ofRealm({ ...env, ISSUER: 'https://auth.example', REALM_FILE: '' })).toMatchObject([
      { level: 'warning', cause: expect.stringContaining('resources["https://auth.example"] is the issuer') },
    ])
  })
})
