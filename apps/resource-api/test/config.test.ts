import { describe, expect, it } from 'vitest'
import { readConfig } from '../src/config.ts'

it('has defaults for development', () => {
  expect(readConfig({})).toEqual({
    issuer: 'http://127.0.0.1:4000',
    jwksUri: undefined,
    audience: 'resource-api',
    resource: { url: 'http://127.0.0.1:4001', scopes: ['reports:read', 'reports:write'], name: 'Reports' },
    status: { mode: 'open', maxStaleSeconds: 300, waitSeconds: 0 },
    host: '127.0.0.1',
    port: 4001,
    opsPort: undefined,
    keepAliveTimeoutSeconds: 72,
    logLevel: expect.any(String),
    warnings: [],
  })
})

it('refuses them in production', () => {
  expect(() => readConfig({ NODE_ENV: 'production' })).toThrow(/^ISSUER/)
  expect(() => readConfig({ NODE_ENV: 'production', ISSUER: 'http://auth.example' })).toThrow(/^ISSUER/)
  expect(readConfig({ NODE_ENV: 'production', ISSUER: 'https://auth.example' })).toMatchObject({ host: '0.0.0.0' })
})

it('warns of probable mistakes', () => {
  expect(readConfig({ ISSUER: 'https://auth.example', LOGLEVEL: 'debug' }).warnings).toHaveLength(2)
})

it('refuses a list of audiences', () => {
  expect(() => readConfig({ AUDIENCE: 'reports,billing' })).toThrow(/^AUDIENCE must be one name/)
})

it('refuses a request for a status list that may last longer than the list is good for', () => {
  expect(() => readConfig({ STATUS_MAX_STALE_SECONDS: '30', STATUS_WAIT_SECONDS: '25' })).toThrow(
    /^STATUS_MAX_STALE_SECONDS must be more than STATUS_WAIT_SECONDS/,
  )
  expect(readConfig({ STATUS_MAX_STALE_SECONDS: '10' })).toMatchObject({ status: { maxStaleSeconds: 10 } })
})

describe('the address of this service that clients are told', () => {
  const production = { NODE_ENV: 'production', ISSUER: 'https://auth.example' }
  const read = (env: NodeJS.ProcessEnv) => readConfig({ ...production, ...env })

  it('is RESOURCE_URL, or else an AUDIENCE that is one', () => {
    const both = { AUDIENCE: 'https://api.example', RESOURCE_URL: 'https://api.example/v1' }
    expect(read(both).resource?.url).toBe('https://api.example/v1')
    const { resource, warnings } = read({ AUDIENCE: 'https://api.example' })
    expect(resource).toEqual({ scopes: ['reports:read', 'reports:write'], name: 'Reports' })
    expect(warnings).toEqual([])
  })

  it('is no guess in production: a bare name alone gets a warning, and no metadata', () => {
    const { resource, warnings } = read({})
    expect(resource).toBeUndefined()
    expect(warnings).toEqual([expect.stringContaining('RESOURCE_URL is not set')])
  })

  it.each(['ftp://api.example', 'https://api.example?x=1', 'https://a:b@api.example', 'https://api.example/:id'])(
    'cannot be %s',
    (url) => {
      expect(() => read({ RESOURCE_URL: url })).toThrow(/^RESOURCE_URL /)
    },
  )
})

it('names every bad setting at once', () => {
  expect(() => readConfig({ PORT: 'x', JWKS_URI: 'nowhere', LOG_LEVEL: 'loud' })).toThrow(
    /PORT.*\nLOG_LEVEL.*\nJWKS_URI.*/,
  )
})
