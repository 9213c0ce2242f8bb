import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'

interface Resource {
  apiVersion: string
  kind: string
  metadata: { name: string }
}

interface Kustomization {
  resources: string[]
  configMapGenerator?: { name: string; literals: string[] }[]
  images: { name: string; newName: string; newTag: string }[]
}

interface PodSpec {
  terminationGracePeriodSeconds?: number
  containers: {
    image: string
    env?: { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[]
    envFrom?: { configMapRef: { name: string } }[]
    ports?: { name: string; containerPort: number }[]
    lifecycle?: { preStop: { sleep: { seconds: number } } }
  }[]
}

const folder = fileURLToPath(new URL('../../../deploy/kubernetes/', import.meta.url))
const read = (name: string) => readFileSync(folder + name, 'utf8')
const kustomization = (name: string) => parse(read(`${name}kustomization.yaml`)) as Kustomization
const [services, migration] = [kustomization(''), kustomization('migrate/')]
const files = [...services.resources, ...migration.resources.map((name) => `migrate/${name}`)]
const resources = files.flatMap((name) =>
  parseAllDocuments(read(name)).map((document) => {
    if (document.errors.length > 0) throw new Error(`${name}: ${document.errors[0]?.message}`)
    return document.toJS() as Resource
  }),
)
const named = resources.map((one) => [`${one.kind} ${one.metadata.name}`, one] as const)
const podSpecs = resources
  .filter(({ kind }) => kind === 'Deployment' || kind === 'Job')
  .map((one) => (one as Resource & { spec: { template: { spec: PodSpec } } }).spec.template.spec)

/** Every value that the validator did not read, by its path. A validator ignores fields that it does not know. */
function watch(root: object): { watched: object; unread: () => string[] } {
  const unread = new Set<string>()
  const wrap = (value: object, path: string): object => {
    const copies = new Map<string | symbol, unknown>()
    for (const [key, member] of Object.entries(value)) {
      unread.add(`${path}/${key}`)
      copies.set(key, member !== null && typeof member === 'object' ? wrap(member, `${path}/${key}`) : member)
    }
    return new Proxy(value, {
      get(target, key) {
        unread.delete(`${path}/${String(key)}`)
        return copies.has(key) ? copies.get(key) : Reflect.get(target, key)
      },
    })
  }
  return { watched: wrap(root, ''), unread: () => [...unread] }
}

async function validate(resource: Resource): Promise<string[]> {
  const { apiVersion: version } = resource
  const group = ['kubernetes-models', version].join('/')
  const models = (await import(group)) as Record<string, { prototype: object }>
  const schema = models[resource.kind]
  if (!schema) return [`there is no ${resource.kind} in ${version}`]
  const { watched, unread } = watch(resource)
  const model = schema.prototype as { validate: (this: unknown) => void }
  try {
    model.validate.call(watched)
  } catch (error) {
    return [(error as Error).message]
  }
  return unread().map((path) => `there is no ${path}`)
}

test('every file of the folder belongs to one of the two kustomizations', () => {
  const there = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'))
  expect(there.filter((name) => !name.endsWith('kustomization.yaml')).toSorted()).toEqual(files.toSorted())
})

test.each(named)('%s fits the schema of Kubernetes', async (_name, resource) => {
  expect(await validate(resource)).toEqual([])
})

test('a wrong value and a field that does not exist are found', async () => {
  const job = resources.find(({ kind }) => kind === 'Job') as Resource & { spec: object }
  expect(await validate({ ...job, spec: { ...job.spec, backoffLimit: 'three' } } as Resource)).toEqual([
    expect.stringContaining('backoffLimit must be integer'),
  ])
  expect(await validate({ ...job, spec: { ...job.spec, backoffLimits: 3 } } as Resource)).toEqual([
    'there is no /spec/backoffLimits',
  ])
})

test('names that one resource calls another by are there', () => {
  const has = (kind: string, name: string) => expect(named.map(([id]) => id)).toContain(`${kind} ${name}`)
  for (const one of resources as (Resource & { spec: never })[]) {
    const text = JSON.stringify(one.spec ?? {})
    for (const [, name = ''] of text.matchAll(/"kind":"Deployment","name":"([^"]+)"/g)) has('Deployment', name)
    for (const [, name = ''] of text.matchAll(/"service":{"name":"([^"]+)"/g)) has('Service', name)
    for (const [, name = ''] of text.matchAll(/"configMapRef":{"name":"([^"]+)"/g))
      expect(services.configMapGenerator?.map((generated) => generated.name)).toContain(name)
    for (const [, name = ''] of text.matchAll(/"app.kubernetes.io\/name":"([^"]+)"/g))
      expect(['auth-server', 'resource-api', 'migrate']).toContain(name)
  }
  const built = [...services.images, ...migration.images].map(({ name }) => name)
  for (const { containers } of podSpecs) for (const { image } of containers) expect(built).toContain(image)
})

test('the migration uses the same image as the server', () => {
  expect(services.images).toEqual(expect.arrayContaining(migration.images))
})

test('no pod runs as root, writes to its image or has a capability', () => {
  expect(podSpecs).toHaveLength(3)
  for (const spec of podSpecs) {
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          resources: { requests: {}, limits: { cpu: expect.any(String), memory: expect.any(String) } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    })
  }
})

test('no secret is in a file', () => {
  expect(resources.map(({ kind }) => kind)).not.toContain('Secret')
  const settings = podSpecs.flatMap(({ containers }) => containers.flatMap(({ env = [] }) => env))
  for (const { name, valueFrom } of settings.filter((one) => /SECRET|DATABASE_(?:OWNER_)?URL|REDIS_URL/.test(one.name)))
    expect(valueFrom).toMatchObject({ secretKeyRef: { key: name } })
  expect(settings.map(({ name }) => name)).toEqual(expect.arrayContaining(['TOKEN_SECRETS', 'KEY_ENCRYPTION_SECRET']))
})

test('what is trusted and what is reached is narrow, and no server has the owner of the tables', () => {
  const literals = (services.configMapGenerator ?? []).flatMap((generated) => generated.literals)
  const proxies =
    literals
      .find((one) => one.startsWith('TRUSTED_PROXIES='))
      ?.split('=')[1]
      ?.split(',') ?? []
  const policies = JSON.stringify(resources.filter(({ kind }) => kind === 'NetworkPolicy'))
  const reached = [...policies.matchAll(/"cidr":"([^"]+)"/g)].map(([, cidr = '']) => cidr)
  expect([proxies.length, reached.length]).toEqual([1, 2])
  for (const network of [...proxies, ...reached]) expect(network).toMatch(/^192\.0\.2\.\d+\/32$/)
  const holders = resources.filter((one) => JSON.stringify(one).includes('heirloom-owner'))
  expect(holders.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual(['Job migrate'])
})

test('no document puts a secret on a command line', () => {
  for (const name of [
    'README.md',
    'SECURITY.md',
    'docs/guide/deploy.md',
    'docs/guide/operate.md',
    'docker-compose.yml',
    'deploy/kubernetes/kustomization.yaml',
  ])
    expect([
      name,
      readFileSync(`${folder}../../${name}`, 'utf8').match(
        /--from-literal|requirepass [^%]|redis-cli (?:-a|--pass) |pg_\w+ .*_URL/g,
      ),
    ]).toEqual([name, null])
})

test('a rollout takes no server away before another is ready, and lets each finish', () => {
  const deployments = resources.filter(({ kind }) => kind === 'Deployment')
  expect(deployments).toHaveLength(2)
  for (const deployment of deployments) {
    expect(deployment).toMatchObject({ spec: { strategy: { rollingUpdate: { maxUnavailable: 0 } } } })
    expect(deployment).toMatchObject({
      spec: {
        template: {
          spec: {
            containers: [
              { livenessProbe: { httpGet: { path: '/livez' } }, readinessProbe: { httpGet: { path: '/readyz' } } },
            ],
          },
        },
      },
    })
  }
  // From packages/http-service/src/run-service.ts.
  const stopSeconds = 10
  for (const { terminationGracePeriodSeconds = 30, containers } of podSpecs)
    for (const { lifecycle } of containers)
      if (lifecycle)
        expect(terminationGracePeriodSeconds).toBeGreaterThan(lifecycle.preStop.sleep.seconds + stopSeconds)
})
