import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { SETTINGS } from '../../apps/auth-server/src/settings.ts'
import { SETTINGS as API_SETTINGS } from '../../apps/resource-api/src/config.ts'
import { COMPOSE_SETTINGS, OWNER_SETTINGS } from '../settings.ts'
import { OF_THE_OWNER, STORES_AND_SECRETS, givenSettings } from '../start/settings.ts'

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const names = (settings: object) => Object.keys(settings).toSorted()
const [ofServer, ofApi] = [names(SETTINGS), names(API_SETTINGS)]
/** The container image sets these. */
const OF_THE_IMAGE = ['NODE_ENV', 'HOST', 'PORT']

describe('docker-compose.yml', () => {
  const text = read('docker-compose.yml')
  const { services } = parse(text, { merge: true }) as {
    services: Record<string, { environment?: Record<string, string | number | null> }>
  }
  const passedTo = (service: string) => Object.keys(services[service]?.environment ?? {})

  test.each([
    { service: 'auth-server', settings: ofServer },
    { service: 'resource-api', settings: ofApi },
  ])('passes every setting of $service on, and nothing that it does not read', ({ service, settings }) => {
    // NODE_OPTIONS belongs to Node.
    const passed = passedTo(service).filter((name) => name !== 'NODE_OPTIONS')
    expect(passed.toSorted()).toEqual(settings.filter((name) => !OF_THE_IMAGE.includes(name)))
  })

  test('takes only variables of the tables from .env, with the same defaults', () => {
    const taken = [...text.matchAll(/\$\{([A-Z_]+)(?::-([^}]*))?/g)]
    expect(taken.length).toBeGreaterThan(10)
    for (const [, name = '', fallback] of taken) {
      expect([...ofServer, ...ofApi, ...names(COMPOSE_SETTINGS)]).toContain(name)
      const own = (COMPOSE_SETTINGS as Record<string, { default?: unknown }>)[name]
      if (own) expect([name, fallback]).toEqual([name, own.default])
    }
    const used = new Set(taken.map(([, name]) => name))
    expect(names(COMPOSE_SETTINGS).filter((name) => !used.has(name))).toEqual([])
  })

  test('gives the settings of the owner to the commands alone', () => {
    const holders = Object.keys(services).filter((service) =>
      passedTo(service).some((name) => Object.hasOwn(OWNER_SETTINGS, name)),
    )
    expect(holders).toEqual(['roles', 'migrate'])
  })
})

test('the manifests of Kubernetes give each service only what it reads', () => {
  const own = (name: string) => [...read(`deploy/kubernetes/${name}.yaml`).matchAll(/^ +- \{? ?name: ([A-Z_]+)\b/gm)]
  const literals = [...read('deploy/kubernetes/kustomization.yaml').matchAll(/^ +- (?:name: ([\w-]+)|([A-Z_]+)=)/gm)]
  const maps: Record<string, string[]> = {}
  let map = ''
  for (const [, mapName, setting] of literals) {
    if (mapName) map = mapName
    else if (setting) (maps[map] ??= []).push(setting)
  }
  const given = (name: string, ...from: string[]) =>
    [...own(name).map(([, setting]) => setting ?? ''), ...from.flatMap((one) => maps[one] ?? [])].filter(
      (setting) => setting !== 'NODE_OPTIONS',
    )
  const server = given('auth-server', 'heirloom', 'auth-server')
  const api = given('resource-api', 'heirloom', 'resource-api')
  expect(server).toEqual(expect.arrayContaining([...STORES_AND_SECRETS, 'ISSUER', 'TRUSTED_PROXIES']))
  expect(api).toEqual(expect.arrayContaining(['ISSUER', 'JWKS_URI']))
  expect(server.filter((setting) => !ofServer.includes(setting))).toEqual([])
  expect(api.filter((setting) => !ofApi.includes(setting))).toEqual([])
})

describe('npm start', () => {
  test('passes every setting of the server to the admin command, except where it listens', () => {
    const env = Object.fromEntries(ofServer.map((name) => [name, 'x']))
    expect(names(givenSettings({ ...env, PATH: '/bin', DATABASE_OWNER_URL: 'x' }))).toEqual(
      ofServer.filter((name) => !['HOST', 'PORT', 'OPS_PORT'].includes(name)),
    )
  })

  test('keeps secrets from the resource API, and the owner of the tables from both services', () => {
    expect(STORES_AND_SECRETS).toEqual(['DATABASE_URL', 'REDIS_URL', 'TOKEN_SECRETS', 'KEY_ENCRYPTION_SECRET'])
    expect(ofApi.filter((name) => STORES_AND_SECRETS.includes(name))).toEqual([])
    expect(OF_THE_OWNER).toEqual(['DATABASE_OWNER_URL', 'DATABASE_ADMIN_URL'])
  })
})

test('.env.example has every setting once', () => {
  const there = [...read('.env.example').matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name]) => name ?? '')
  expect(there).toEqual(expect.arrayContaining([...ofServer, ...ofApi, ...names(COMPOSE_SETTINGS)]))
  expect(new Set(there).size).toBe(there.length)
})
