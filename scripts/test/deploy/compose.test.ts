import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DCLinter } from 'dclint'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

interface ComposeService {
  image: string
  user?: string
  build?: object
  environment?: Record<string, string | number | null>
  ports?: string[]
  volumes?: string[]
  container_name?: string
  read_only?: boolean
  cap_drop?: string[]
  healthcheck?: object
  deploy?: { resources?: { limits?: Record<string, unknown> } }
}

const path = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url))
const read = (name: string) => readFileSync(path(name), 'utf8')
const file = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, ComposeService> }
const services = Object.entries(file.services)

test('fits the schema of compose files', () => {
  const [result] = new DCLinter({ rules: {}, quiet: false, debug: false, exclude: [] }).lintFiles(
    [path('docker-compose.yml')],
    false,
  )
  expect(result?.messages.filter(({ rule }: { rule: string }) => rule.startsWith('invalid-'))).toEqual([])
})

test('any number of both services may run: none reserves a name or a port of this machine', () => {
  for (const name of ['auth-server', 'resource-api']) {
    expect(file.services[name]).toBeDefined()
    expect(file.services[name]).not.toHaveProperty('ports')
    expect(file.services[name]).not.toHaveProperty('container_name')
  }
})

test('nothing is published beyond this machine unless somebody asks for it', () => {
  const ports = services.flatMap(([, service]) => service.ports ?? [])
  expect(ports.length).toBeGreaterThan(0)
  for (const port of ports) expect(port).toMatch(/^\$\{[A-Z]+_ADDRESS:-127\.0\.0\.1:\d+\}:\d+$/)
})

test.each(services)(
  '%s does not run as root or write to its image, and has limits and a health check',
  (_name, service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
    expect(Object.keys(service.deploy?.resources?.limits ?? {})).toEqual(['cpus', 'memory', 'pids'])
    if (service.build) {
      expect(read('Dockerfile')).toMatch(/^USER node$/m)
      expect(read('Dockerfile')).toMatch(/^HEALTHCHECK /m)
    } else {
      expect(service.user).toMatch(/^(?!root)[a-z]+$/)
      expect(service.healthcheck).toHaveProperty('test')
    }
  },
)

test('no server gets the superuser or the owner of the tables, and the migration gets no secret of theirs', () => {
  const secretsOf = (name: string) =>
    [...JSON.stringify(file.services[name]?.environment).matchAll(/\$\{(\w+_(?:PASSWORD|SECRETS?))/g)]
      .map(([, variable = '']) => variable)
      .toSorted()
  expect(secretsOf('auth-server')).toEqual([
    'KEY_ENCRYPTION_SECRET',
    'POSTGRES_SERVER_PASSWORD',
    'REDIS_PASSWORD',
    'TOKEN_SECRETS',
  ])
  expect(secretsOf('migrate')).toEqual(['POSTGRES_OWNER_PASSWORD'])
  expect(secretsOf('roles')).toEqual(['POSTGRES_OWNER_PASSWORD', 'POSTGRES_PASSWORD', 'POSTGRES_SERVER_PASSWORD'])
  expect(secretsOf('resource-api')).toEqual([])
})

test('the image is built with every script that a build calls', () => {
  const manifests = ['apps/auth-server', 'packages/claims', 'packages/verifier', 'packages/client']
  const called = manifests.flatMap((name) => read(`${name}/package.json`).match(/scripts\/[\w-]+\.mjs/g) ?? [])
  expect(called).toHaveLength(5)
  const ignore = read('.dockerignore').split('\n')
  expect(called.filter((script) => !ignore.includes(`!${script}`))).toEqual([])
})

test('every mounted file exists', () => {
  const sources = services.flatMap(([, { volumes = [] }]) =>
    volumes.map((volume) => volume.replace(/\$\{\w+:-([^}]*)\}/, '$1')),
  )
  const mounted = sources.filter((volume) => volume.startsWith('./'))
  expect(mounted).toContain('./realm.example.yaml:/etc/heirloom/realm.yaml:ro')
  expect(mounted.filter((volume) => !existsSync(path(volume.split(':')[0] ?? '')))).toEqual([])
  expect(mounted.every((volume) => volume.endsWith(':ro'))).toBe(true)
})
