import { createMetrics } from '@heirloom/http-service'
import { buildApp as buildApi } from '../../apps/resource-api/src/app.ts'
import { readConfig as readApiConfig } from '../../apps/resource-api/src/config.ts'
import { describedServer } from './auth-server.ts'
import { code, page, sentence, table } from './markdown.ts'

interface DescribedMetric {
  name: string
  type: unknown
  help: string
  labelNames?: readonly string[]
}

/** docs/reference/metrics.md, from the registries of both services. */
export async function metricsPage(): Promise<string> {
  const authServer = await describedServer()
  const api = createMetrics()
  const apiApp = buildApi(readApiConfig({ LOG_LEVEL: 'silent' }), api)
  await apiApp.ready()
  const text = page(
    'Metrics',
    'A service with `OPS_PORT` serves these at `/metrics`, for Prometheus. Both services also have the default metrics of ' +
      'prom-client, `process_…` and `nodejs_…`, which depend on the platform.',
    '## The auth server',
    metricsTable(authServer.metrics),
    '## The resource API',
    metricsTable(api),
  )
  await authServer.app.close()
  await apiApp.close()
  return text
}

const metricsTable = (metrics: ReturnType<typeof createMetrics>) =>
  table(
    ['Metric', 'Type', 'Labels', 'Meaning'],
    (metrics.getMetricsAsArray() as DescribedMetric[])
      .filter(({ name }) => !/^(process|nodejs)_/.test(name))
      .toSorted((a, b) => a.name.localeCompare(b.name))
      .map(({ name, type, help, labelNames = [] }) => [
        code(name),
        String(type),
        labelNames.map(code).join(', '),
        sentence(help),
      ]),
  )
