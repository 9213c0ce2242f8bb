import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createMetrics } from '@heirloom/http-service'
import { EXAMPLE_REALM } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import pg from 'pg'
import { pino } from 'pino'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { readConfig } from '../../../src/config.ts'
import type { RealmData } from '../../../src/rules/realm.ts'
import { judgeRealmFile } from '../../../src/rules/judge-realm-file.ts'
import { changeRealm } from '../../../src/services/realm/change-realm.ts'
import { type ServerParts, wire } from '../../../src/wiring.ts'

/** An empty database of its own, and servers on it. */
async function ownDatabase() {
  const { databaseUrl, superuserUrl } = await testStores()
  const secrets = {
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
  }
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) })
  const start = async (env: Record<string, string> = {}): Promise<ServerParts> => {
    const settings = { DATABASE_URL: databaseUrl, DATABASE_STATEMENT_TIMEOUT_MS: '10000', ...secrets, ...env }
    const parts = await wire(readConfig(settings), log, createMetrics())
    onTestFinished(() => parts.close())
    return parts
  }
  const sql = async (text: string, name?: string) => {
    const url = new URL(superuserUrl)
    if (name) url.pathname = name
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    try {
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }
  return { start, sql, lines, name: new URL(databaseUrl).pathname.slice(1) }
}

const apply = (parts: ServerParts, file: object, prune = false) =>
  changeRealm({ ...parts.core, ...parts }, (current: RealmData) =>
    judgeRealmFile(current, file, { prune, issuer: parts.core.config.issuer }),
  )

const idsOf = ({ realm }: ServerParts) => [...realm.current().clients.keys()]

describe('the first realm', () => {
  test('without a file the server is not ready and says what to do, until a realm is applied', async () => {
    const { start, lines } = await ownDatabase()
    const server = await start()
    const why = expect.stringMatching(/^the realm is empty, so nobody can log in: name a file in REALM_FILE, or run/)
    expect(await server.notReady()).toEqual([why])
    expect(lines).toContainEqual(why)
    const operator = await start()
    await apply(operator, { clients: { app: { first_party: true, grants: ['login'] } } })
    await expect.poll(() => server.notReady(), { timeout: 20_000 }).toEqual([])
  })

  test('servers that start together make one realm of REALM_FILE', async () => {
    const { start, sql } = await ownDatabase()
    const servers = await Promise.all([1, 2, 3, 4].map(() => start({ REALM_FILE: EXAMPLE_REALM })))
    expect(servers.map(idsOf)).toEqual([['web'], ['web'], ['web'], ['web']])
    await Promise.all(servers.map(({ core }) => core.events.flush()))
    const events = await sql(`SELECT detail ->> 'row' AS row FROM security_events WHERE type = 'realm_changed'`)
    expect(events.map(({ row }) => String(row)).toSorted()).toEqual([
      'client',
      'realm',
      'resource',
      'role',
      'role',
      'role',
    ])
  })

  test('a realm that is there is not touched, whatever the file says', async () => {
    const { start } = await ownDatabase()
    await start({ REALM_FILE: EXAMPLE_REALM })
    expect(idsOf(await start({ REALM_FILE: '/nowhere.yaml' }))).toEqual(['web'])
  })

  test('a file with faults stops the start, each fault with its line, and stores nothing', async () => {
    const { start, sql } = await ownDatabase()
    const file = join(inject('runFolder'), 'faults.yaml')
    writeFileSync(file, 'roles:\n  user: [a]\nclients:\n  web:\n    grant: [login]\n')
    await expect(start({ REALM_FILE: file })).rejects.toThrow(
      [
        `REALM_FILE ${file}:5: clients.web.grant is unknown here; known are: name, auth, redirect_uris, ` +
          'grants, resources, scopes, origins, first_party, access_token_ttl_seconds, refresh_idle_ttl_seconds, ' +
          'refresh_absolute_ttl_seconds, refresh_grace_seconds, refresh_late_repeat_gap, secret_sha256, disabled',
        `REALM_FILE ${file}:2: roles.user[0] is "a", which is no scope of any resource`,
      ].join('\n'),
    )
    await expect(start({ REALM_FILE: '/nowhere.yaml' })).rejects.toThrow(/^REALM_FILE cannot be read: ENOENT/)
    expect(await sql('SELECT version::int FROM realm')).toEqual([{ version: 0 }])
  })

  test.each([
    { env: {}, resource: 'resource-api', clients: ['web'] },
    {
      env: { AUDIENCE: 'https://api.example', CLIENT_IDS: 'app,web' },
      resource: 'https://api.example',
      clients: ['app', 'web'],
    },
    { env: { CLIENT_IDS: 'app', REALM_FILE: EXAMPLE_REALM }, resource: 'resource-api', clients: ['app'] },
  ])('a database from before gets the realm of its settings $env once', async ({ env, resource, clients }) => {
    const { start, sql } = await ownDatabase()
    await sql('UPDATE realm SET predates_realm = true')
    const server = await start(env)
    expect(idsOf(server)).toEqual(clients)
    const { defaultClient, defaultRoles, roles, scopes } = server.realm.current()
    expect({ defaultClient, defaultRoles }).toEqual({ defaultClient: clients[0], defaultRoles: ['user'] })
    expect([...scopes]).toEqual([
      ['reports:read', resource],
      ['reports:write', resource],
    ])
    expect(roles.get('editor')).toEqual(['reports:read', 'reports:write'])

    await apply(server, { resources: { other: { scopes: {} } } }, true)
    expect(idsOf(await start(env))).toEqual([])
  })
})

test('while Postgres is away the last realm serves on, and no command is half done', async () => {
  const { start, sql, name } = await ownDatabase()
  const server = await start({ REALM_FILE: EXAMPLE_REALM })
  await sql(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`, 'postgres')
  await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`, 'postgres')
  await expect(server.realm.refresh()).rejects.toThrow('Postgres')
  await expect(apply(server, { clients: { app: {} } })).rejects.toThrow('Postgres')
  expect(idsOf(server)).toEqual(['web'])
  await sql(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`, 'postgres')
  await expect
    .poll(
      () =>
        server.realm.refresh().then(
          () => 'read',
          () => 'away',
        ),
      { timeout: 20_000 },
    )
    .toBe('read')
  expect(idsOf(server)).toEqual(['web'])
})

test('10,000 clients are applied in one transaction, read by every server, and cost less than 50 MB', async () => {
  const { start } = await ownDatabase()
  const [server, other] = [await start({ REALM_FILE: EXAMPLE_REALM }), await start()]
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap = () => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = heap()
  const clients = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, i) => [
      `client-${i}`,
      {
        redirect_uris: [`https://client-${i}.example/back`],
        resources: ['resource-api'],
        access_token_ttl_seconds: 60,
      },
    ]),
  )
  const changed = await apply(server, { clients })
  expect(changed).toMatchObject({ ok: true, changes: { length: 10_000 } })
  await expect.poll(() => idsOf(other).length, { timeout: 20_000 }).toBe(10_001)
  // Two servers are in this process.
  expect((heap() - before) / 2).toBeLessThan(50_000_000)
  expect(other.realm.current().clients.get('client-9999')).toMatchObject({ scopes: ['reports:read', 'reports:write'] })

  const gone = await apply(server, { clients: {} }, true)
  expect(gone).toMatchObject({ ok: true, sessionsEnded: 0 })
})
