import { SettingsError } from '@heirloom/service'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../src/config.ts'

const SECRET = 'k'.repeat(32)
const GIVEN = { DATABASE_URL: 'postgresql://a@b/c', TOKEN_SECRETS: SECRET, KEY_ENCRYPTION_SECRET: SECRET }

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
      audience: 'resource-api',
      clientIds: ['web'],
      accessTokenTtlSeconds: 900,
      refreshAbsoluteTtlMs: 2_592_000_000,
      refreshPolicy: { idleMs: 432_000_000, graceMs: 10_000, lateRepeatGap: 8 },
      registrationOpen: true,
      host: '127.0.0.1',
      port: 4000,
    })
  })

  test('production refuses what is meant for development', () => {
    const lines = faults({ NODE_ENV: 'production' })
    expect(lines).toEqual([expect.stringMatching(/^ISSUER is missing/)])
    expect(faults({ NODE_ENV: 'production', ISSUER: 'http://auth.example' })).toEqual([
      'ISSUER must be https in production',
    ])
    const config = readConfig({ ...GIVEN, NODE_ENV: 'production', ISSUER: 'https://auth.example' })
    expect(config).toMatchObject({ registrationOpen: false, host: '0.0.0.0' })
  })

  test('every bad one is named at once, and no secret is repeated', () => {
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

  test.each([
    ['ISSUER', 'https://a/?b'],
    ['ISSUER', 'https://a/'],
    ['ISSUER', 'ftp://a'],
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
