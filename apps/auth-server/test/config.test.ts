import { SettingsError } from '@heirloom/http-service'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../src/config.ts'

const SECRET = 'k'.repeat(32)
const GIVEN = { DATABASE_URL: 'postgresql://a@b/c', TOKEN_SECRETS: SECRET, KEY_ENCRYPTION_SECRET: 'e'.repeat(32) }

const faults = (env: Record<string, string>) => {
  try {
    readConfig({ ...GIVEN, ...env })
    return []
  } catch (error) {
    if (error instanceof SettingsError) return error.lines
    throw error
  }
}

describe('settings', () => {
  test('defaults of the contract', () => {
    expect(readConfig(GIVEN)).toMatchObject({
      issuer: 'http://127.0.0.1:4000',
      realmFile: undefined,
      retired: { audience: undefined, clientIds: undefined },
      accessTokenTtlSeconds: 900,
      refreshAbsoluteTtlMs: 2_592_000_000,
      refreshPolicy: { idleMs: 432_000_000, graceMs: 10_000, lateRepeatGap: 8 },
      registrationOpen: true,
      host: '127.0.0.1',
      port: 4000,
      pages: { name: 'Heirloom', color: '1e5b4f' },
    })
    expect(readConfig({ ...GIVEN, PAGES_COLOR: '#FFD500' }).pages.color).toBe('ffd500')
  })

  test('production refuses settings for development', () => {
    const lines = faults({ NODE_ENV: 'production' })
    expect(lines).toEqual([expect.stringMatching(/^ISSUER is missing/)])
    expect(faults({ NODE_ENV: 'production', ISSUER: 'http://auth.example' })).toEqual([
      'ISSUER must be https in production',
    ])
    const config = readConfig({ ...GIVEN, NODE_ENV: 'production', ISSUER: 'https://auth.example' })
    expect(config).toMatchObject({ registrationOpen: false, host: '0.0.0.0' })
  })

  test('all bad settings are named at once, and no secret is repeated', () => {
    const lines = faults({
      PORT: 'x',
      TOKEN_SECRETS: 'too-short',
      REFRESH_LATE_REPEAT_GAP: '0',
      DATABASE_URL: 'mysql://a:hunter2@b/c',
    })
    expect(lines).toHaveLength(4)
    expect(lines.join()).toMatch(/PORT.*TOKEN_SECRETS|TOKEN_SECRETS.*PORT/)
    expect(lines.join()).not.toMatch(/too-short|hunter2/)
  })

  test('settings that contradict each other are named along with those that are bad by themselves', () => {
    const lines = faults({
      NODE_ENV: 'production',
      ISSUER: 'http://auth.example',
      REFRESH_IDLE_TTL_SECONDS: '20',
      REFRESH_ABSOLUTE_TTL_SECONDS: '10',
      SIGNING_KEY_LEAD_SECONDS: '60',
      PORT: 'x',
      REDIS_URL: 'nowhere',
    })
    expect(lines.map((line) => line.split(' ')[0])).toEqual([
      'PORT',
      'REDIS_URL',
      'ISSUER',
      'REFRESH_IDLE_TTL_SECONDS',
      'SIGNING_KEY_LEAD_SECONDS',
    ])
  })

  test('an unknown NODE_ENV is reported, and checked like production', () => {
    const lines = faults({ NODE_ENV: 'prod', PORT: 'x' })
    expect(new Set(lines.map((line) => line.split(' ')[0]))).toEqual(new Set(['ISSUER', 'NODE_ENV', 'PORT']))
    expect(lines).toContain('NODE_ENV must be one of development, test, production')
    expect(faults({ NODE_ENV: 'Production', ISSUER: 'http://auth.example' })).toHaveLength(2)
  })

  /** A raw character of a URL in a password, and what the parser makes of it. */
  const RAW = [
    'hunter2#x',
    '12#hunter2',
    'hunter2/x',
    '12/hunter2',
    'hunter2?x',
    '12?hunter2',
    'hunter2%',
    '%hunter2',
    '%zz',
  ]
  test.each(RAW)('a password %s in a URL of a store is to be percent-encoded, and is not repeated', (password) => {
    for (const [name, value] of [
      ['DATABASE_URL', `postgres://heirloom:${password}@db/heirloom`],
      ['DATABASE_URL', `postgres://heirloom:${password}@db:5432/heirloom?sslmode=require`],
      ['REDIS_URL', `redis://:${password}@cache:6379/1`],
      ['REDIS_URL', `redis://me:${password}@cache`],
      ['REDIS_URL', `rediss-sentinel://me:${password}@a,b/name`],
    ] as const) {
      const lines = faults({ [name]: value })
      expect(lines).toEqual([
        expect.stringMatching(new RegExp(`^${name} .*percent-encode .* in the user and the password`)),
      ])
      expect(lines.join()).not.toMatch(/hunter2|zz|12/)
    }
  })

  test.each(['p@ss:word', '%23%2F%3F%40%3A%25'])('a password %s is taken', (password) => {
    const urls = { DATABASE_URL: `postgres://me:${password}@db/heirloom`, REDIS_URL: `redis://:${password}@cache` }
    expect(faults(urls)).toEqual([])
  })

  test.each([
    ['ISSUER', 'https://auth.example\r', 'line break'],
    ['KEY_ENCRYPTION_SECRET', `${SECRET}\n`, 'line break'],
    ['TOKEN_SECRETS', `"${SECRET}"`, 'quotes'],
    ['REGISTRATION', "'open'", 'quotes'],
    ['DATABASE_URL', ' postgres://a:hunter2@b/c', 'white space'],
    ['REDIS_URL', 'redis://:hunter2\t@b', 'control character'],
  ])('%s=%j: what a file left in it is named', (name, value, slip) => {
    expect(faults({ [name]: value })).toEqual([expect.stringMatching(`^${name} .*${slip}`)])
    expect(faults({ [name]: value }).join()).not.toMatch('hunter2')
  })

  test('a setting that is allowed but probably a mistake is a warning', () => {
    const warnings = (env: Record<string, string>) => readConfig({ ...GIVEN, ...env }).warnings
    expect(warnings({ HOME: '/root', AUTH_PORT: '1', API_PORT: '2', HOSTNAME: 'a', POSTGRES_PASSWORD: 'b' })).toEqual(
      [],
    )
    for (const [name, meant] of [
      ['REFRESH_GRACE_SECOND', 'REFRESH_GRACE_SECONDS'],
      ['REFRESH_GRACE', 'REFRESH_GRACE_SECONDS'],
      ['ACCESS_TOKEN_TTL', 'ACCESS_TOKEN_TTL_SECONDS'],
      ['ACCESS_TOKEN_TTL_MINUTES', 'ACCESS_TOKEN_TTL_SECONDS'],
      ['DATABASE_POOL_MAX', 'DATABASE_POOL_SIZE'],
      ['REDIS_URI', 'REDIS_URL'],
      ['TOKEN_SECRET', 'TOKEN_SECRETS'],
      ['log_level', 'LOG_LEVEL'],
    ] as const)
      expect(warnings({ [name]: 'hunter2' })).toEqual([
        `"${name}" is not a setting and is ignored. Did you mean ${meant}?`,
      ])
    expect(warnings({ ISSUER: 'https://auth.example' })).toEqual([expect.stringMatching(/^NODE_ENV is not set/)])
    expect(warnings({ ISSUER: 'https://auth.example', NODE_ENV: 'development' })).toEqual([])
    expect(warnings({ AUDIENCE: 'reports', CLIENT_IDS: 'web' })).toEqual([
      expect.stringMatching(/^AUDIENCE is retired/),
      expect.stringMatching(/^CLIENT_IDS is retired/),
    ])
    expect(warnings({ TOKEN_SECRETS: `${SECRET},${GIVEN.KEY_ENCRYPTION_SECRET}` })).toEqual([
      expect.stringMatching(/^KEY_ENCRYPTION_SECRET is one of TOKEN_SECRETS/),
    ])
  })

  test.each([
    ['ISSUER', 'https://a/?b'],
    ['ISSUER', 'https://a/'],
    ['ISSUER', 'ftp://a'],
    ['ISSUER', 'https://a?'],
    ['ISSUER', 'https://a#'],
    ['ISSUER', 'https://Auth.example'],
    ['ISSUER', 'https://a:443'],
    ['ISSUER', 'https://a/b/../c'],
    ['ISSUER', 'https://me:hunter2@a'],
    ['ISSUER', 'https://a,https://b'],
    ['ISSUER', 'auth.example'],
    ['AUDIENCE', 'reports,billing'],
    ['AUDIENCE', 'reports billing'],
    ['AUDIENCE', 'rep\u00f6rts'],
    ['CLIENT_IDS', 'web,'],
    ['CLIENT_IDS', 'web app'],
    ['TRUSTED_PROXIES', '10.0.0.0/8,'],
    ['ACCESS_TOKEN_TTL_SECONDS', '15m'],
    ['ACCESS_TOKEN_TTL_SECONDS', '900s'],
    ['PORT', '0'],
    ['PORT', '4000/tcp'],
    ['HOST', 'http://0.0.0.0'],
    ['HOST', '0.0.0.0:4000'],
    ['DOCS', 'nein'],
    ['LOG_LEVEL', 'verbose'],
    ['KEEP_ALIVE_TIMEOUT_SECONDS', '0'],
    ['CLIENT_IDS', 'web,,app'],
    ['TOKEN_SECRETS', `${SECRET},short`],
    ['TOKEN_SECRETS', `${SECRET},${SECRET}`],
    ['ACCESS_TOKEN_TTL_SECONDS', '0'],
    ['ACCESS_TOKEN_TTL_SECONDS', '1.5'],
    ['ACCESS_TOKEN_TTL_SECONDS', '1e3'],
    ['REFRESH_IDLE_TTL_SECONDS', '2592001'],
    ['SIGNING_ALGORITHM', 'none'],
    ['SIGNING_KEY_BITS', '1024'],
    ['SIGNING_KEY_LEAD_SECONDS', '60'],
    ['REGISTRATION', 'yes'],
    ['PAGES_NAME', 'x'.repeat(61)],
    ['PAGES_COLOR', 'green'],
    ['PAGES_COLOR', '#fff'],
    ['TRUSTED_PROXIES', 'everyone'],
    ['REDIS_URL', 'localhost:6379'],
    ['REDIS_URL', 'redis-sentinel://:hunter2@a:26379'],
    ['REDIS_URL', 'rediss://:hunter2@a?sslrootcert=/there/is/none'],
    ['DATABASE_URL', 'mysql://a:hunter2@b/c'],
    ['DATABASE_URL', 'postgres://a:hunter2@b/c?sslrootcert=/there/is/none'],
  ])('%s=%s is refused by name', (name, value) => {
    expect(faults({ [name]: value })).toEqual([expect.stringContaining(name)])
    expect(faults({ [name]: value }).join()).not.toMatch(/hunter2|there/)
  })

  test('`off`, and an empty variable is an absent one', () => {
    const config = readConfig({ ...GIVEN, REFRESH_LATE_REPEAT_GAP: 'off', REDIS_URL: '', PORT: '' })
    expect(config).toMatchObject({ refreshPolicy: { lateRepeatGap: null }, redisUrl: undefined, port: 4000 })
  })
})
