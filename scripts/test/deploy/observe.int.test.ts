import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parser } from '@prometheus-io/lezer-promql'
import { EXAMPLE_REALM, type Service, freePort, startService } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'

const read = (name: string) => readFileSync(new URL(`../../../deploy/${name}`, import.meta.url), 'utf8')

interface Panel {
  id: number
  title: string
  type: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: { uid: string }
  targets?: { expr: string; datasource: { uid: string } }[]
}

interface Rules {
  groups: { rules: { alert: string; expr: string; labels: { severity: string } }[] }[]
}

const { panels } = JSON.parse(read('grafana/dashboards/heirloom.json')) as { panels: Panel[] }
const rules = (parse(read('prometheus/alerts.yml')) as Rules).groups.flatMap((group) => group.rules)
const queries = [
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [`panel ${title}`, expr] as const)),
  ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
]

/** The metrics in a query, and each label with the value that it is compared to. Throws if the query is not PromQL. */
function namesIn(query: string): { metrics: string[]; labels: { metric: string; label: string; value: string }[] } {
  // Grafana replaces this by a duration.
  const text = query.replaceAll('$__rate_interval', '5m')
  const metrics: string[] = []
  const labels: { metric: string; label: string; value: string }[] = []
  const cursor = parser.parse(text).cursor()
  do {
    const part = text.slice(cursor.from, cursor.to)
    if (cursor.type.isError) throw new Error(`not PromQL at ${cursor.from}: ${query}`)
    if (cursor.name === 'VectorSelector') metrics.push(/^\w+/.exec(part)?.[0] ?? '')
    if (cursor.name === 'UnquotedLabelMatcher') {
      const [, label = '', value = ''] = /^(\w+)\s*[=!~]+\s*"(.*)"$/.exec(part) ?? []
      labels.push({ metric: metrics.at(-1) ?? '', label, value })
    }
  } while (cursor.next())
  return { metrics, labels }
}

const exposed = new Map<string, string>()
const running: Service[] = []

beforeAll(async () => {
  const { databaseUrl, redisUrl } = await testStores()
  const ports = { authServer: String(await freePort()), resourceApi: String(await freePort()) }
  const authServer = await startService({
    script: 'apps/auth-server',
    env: {
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      REALM_FILE: EXAMPLE_REALM,
      TOKEN_SECRETS: randomBytes(32).toString('base64'),
      KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
      OPS_PORT: ports.authServer,
    },
  })
  running.push(authServer)
  await authServer.ready()
  const resourceApi = await startService({
    script: 'apps/resource-api',
    env: {
      JWKS_URI: `${authServer.url}/.well-known/jwks.json`,
      OPS_PORT: ports.resourceApi,
    },
  })
  running.push(resourceApi)
  await resourceApi.ready()
  for (const [job, port] of [
    ['auth-server', ports.authServer],
    ['resource-api', ports.resourceApi],
  ] as const) {
    exposed.set(job, await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
  }
})
afterAll(async () => {
  for (const service of running) await service.stop()
})

/** One declared histogram exposes three metrics. */
const isExposed = (job: string, metric: string) =>
  new RegExp(`^# TYPE ${metric.replace(/_(?:bucket|count|sum)$/, '(?:_(?:bucket|count|sum))?')} `, 'm').test(
    exposed.get(job) ?? '',
  )

test.each(queries)('%s asks for what the services expose', (_name, query) => {
  const { metrics, labels } = namesIn(query)
  expect(metrics.length).toBeGreaterThan(0)
  const jobs = labels.filter(({ label }) => label === 'job').flatMap(({ value }) => value.split('|'))
  for (const metric of metrics) {
    // Prometheus itself adds this one.
    if (metric === 'up') continue
    const others = metric.startsWith('heirloom_') ? ['auth-server'] : [...exposed.keys()]
    for (const job of jobs.length > 0 ? jobs : others)
      expect([job, metric, isExposed(job, metric)]).toEqual([job, metric, true])
  }
})

test('labels and jobs exist', () => {
  const scraped = (parse(read('prometheus/prometheus.yml')) as { scrape_configs: { job_name: string }[] })
    .scrape_configs
  const source = readFileSync(
    new URL('../../../apps/auth-server/src/services/security-event.ts', import.meta.url),
    'utf8',
  )
  const types = [...source.matchAll(/type: '(\w+)'/g)].map(([, type]) => type)
  const seen = queries.flatMap(([, query]) => namesIn(query).labels)
  const valuesOf = (label: string) => seen.filter((one) => one.label === label).flatMap(({ value }) => value.split('|'))

  expect(valuesOf('job').filter((job) => !scraped.some((one) => one.job_name === job))).toEqual([])
  expect(valuesOf('type').filter((type) => !types.includes(type))).toEqual([])
  expect(valuesOf('type')).toContain('reuse')
  expect([...new Set(seen.map(({ label }) => label))].toSorted()).toEqual(['job', 'route', 'status', 'type'])
})

test('finds queries that are not PromQL, and metrics that are not exposed', () => {
  expect(() => namesIn('sum(rate(up[5m])')).toThrow('not PromQL')
  expect(namesIn('rate(heirloom_updates_waiting{job="x"}[$__rate_interval])').metrics).toEqual([
    'heirloom_updates_waiting',
  ])
  expect(isExposed('auth-server', 'heirloom_updates')).toBe(false)
})

test('the dashboard asks the source of data that is provisioned, and its panels have a place of their own', () => {
  const { datasources } = parse(read('grafana/provisioning/datasources/prometheus.yml')) as {
    datasources: { uid: string }[]
  }
  const asked = panels.flatMap(({ datasource, targets = [] }) => [datasource, ...targets.map((one) => one.datasource)])
  expect(new Set(asked.flatMap((one) => one?.uid ?? []))).toEqual(new Set(datasources.map(({ uid }) => uid)))
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
})

test('every alert is explained in docs/guide/operate.md, and nothing else is', () => {
  const text = readFileSync(new URL('../../../docs/guide/operate.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `([A-Z][A-Za-z]+)`/gm)].map(([, name = '']) => name)
  expect(rows.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted())
  for (const { labels } of rules) expect(['page', 'ticket']).toContain(labels.severity)
})
