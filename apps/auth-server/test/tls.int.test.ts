import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createDatabase, freePort, startPostgres, startRedis } from '@heirloom/local-stack'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { migrate } from '../../../prisma/migrate.ts'
import { openDatabase } from '../src/postgres/database.ts'
import { RedisConnection } from '../src/redis/redis-connection.ts'
import { type TestServer, testServer } from './support/server.ts'

const folder = join(inject('runFolder'), 'tls')
mkdirSync(folder)
const file = (name: string) => join(folder, name)

/** Creates a certificate, signed by the CA with this name, or by itself if it is a CA. Needs openssl 3. */
function makeCertificate(name: string, authority = name): void {
  const by = authority === name ? [] : ['-CA', file(`${authority}.pem`), '-CAkey', file(`${authority}.key`)]
  const isCa = authority === name ? 'TRUE' : 'FALSE'
  const purpose = `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=${name}`.split(' ')
  const extensions = ['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', `basicConstraints=critical,CA:${isCa}`]
  const files = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)]
  execFileSync('openssl', [...purpose, ...by, ...extensions, ...files], { stdio: 'ignore' })
}

let database: string
let redis: { plain: string; secure: string }
let server: TestServer
const stop: (() => Promise<void>)[] = []

beforeAll(async () => {
  for (const name of ['ca', 'stranger']) makeCertificate(name)
  for (const name of ['server', 'client']) makeCertificate(name, 'ca')
  const port = await freePort()
  const [postgres, started] = await Promise.all([
    startPostgres({
      dataDir: file('postgres'),
      settings: { ssl: 'on', ssl_cert_file: file('server.pem'), ssl_key_file: file('server.key'), fsync: 'off' },
    }),
    startRedis({
      dataDir: file('redis'),
      settings: {
        'tls-port': String(port),
        'tls-cert-file': file('server.pem'),
        'tls-key-file': file('server.key'),
        'tls-ca-cert-file': file('ca.pem'),
        user: 'heirloom on >of-its-own ~heirloom:* resetchannels +@all -@dangerous +info',
      },
    }),
  ])
  if (!started) throw new Error('there is no Redis')
  stop.push(
    () => postgres.stop(),
    () => started.stop(),
  )
  database = `${await createDatabase(postgres.url, 'secure')}?sslmode=verify-full&sslrootcert=`
  await migrate(database + file('ca.pem'))
  const certificates = `&sslcert=${file('client.pem')}&sslkey=${file('client.key')}`
  redis = {
    plain: started.url,
    secure: `rediss://heirloom:of-its-own@127.0.0.1:${port}/1?sslrootcert=${file('ca.pem')}${certificates}`,
  }
  server = await testServer({
    DATABASE_STATEMENT_TIMEOUT_MS: '5000',
    DATABASE_URL: database + file('ca.pem'),
    REDIS_URL: redis.secure,
  })
})

afterAll(async () => {
  await server.service.stop()
  await Promise.all(stop.map((one) => one()))
})

describe('both stores with TLS, and certificates of a private CA', () => {
  test('Redis as a user with the least privileges', async () => {
    const last = () => server.service.output.findLast((line) => line.includes('refreshes go through'))
    await expect.poll(last, { timeout: 10_000 }).toContain('through Redis')
    const { tokens } = await server.login()
    const { status } = await server.call('POST', '/auth/refresh', { refresh_token: tokens.refresh_token })
    expect(status).toBe(200)
    const raw = new Redis(redis.plain, { db: 1 })
    const clients = String(await raw.client('LIST')).split('\n')
    expect(clients.filter((line) => line.includes('user=heirloom ')).length).toBeGreaterThan(0)
    expect((await raw.keys('*')).some((key) => key.startsWith('heirloom:family:'))).toBe(true)
    raw.disconnect()
  })

  test('every connection to Postgres uses TLS', async () => {
    const client = openDatabase({ url: database + file('ca.pem'), poolSize: 1, statementTimeoutMs: 5_000 })
    const rows = await client.$queryRaw`
      SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'heirloom-auth-server'`
    expect(rows).toContainEqual({ ssl: true })
    expect(rows).not.toContainEqual({ ssl: false })
    await client.$disconnect()
  })

  test('a server with another certificate gets no data', async () => {
    const stranger = new RedisConnection(redis.secure.replace(file('ca.pem'), file('stranger.pem')))
    await stranger.ready(1_000)
    expect(stranger.client.status).not.toBe('ready')
    stranger.close()
    const client = openDatabase({ url: database + file('stranger.pem'), poolSize: 1, statementTimeoutMs: 5_000 })
    await expect(client.$queryRaw`SELECT 1`).rejects.toThrow(/certificate/i)
    await client.$disconnect()
  })
})
