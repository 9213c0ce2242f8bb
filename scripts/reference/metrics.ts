import type { MetricObject } from 'prom-client'
import { describedServer } from './auth-server.ts'
import { code, page, sentence, table } from './markdown.ts'

/** docs/reference/metrics.md, from the registry of the auth server. */
export async function metricsPage(): Promise<string> {
  const { app, metrics } = await describedServer()
  const all = metrics.getMetricsAsArray() as (MetricObject & { labelNames?: readonly string[] })[]
  await app.close()
  const own = all.filter(({ name }) => !/^(process|nodejs)_/.test(name))
  return page(
    'Metrics',
    'A service with `OPS_PORT` serves these at `/metrics`, for Prometheus. The resource API has those without `heirloom_`. ' +
      'Both also have the default metrics of prom-client, `process_…` and `nodejs_…`, which depend on the platform.',
    table(
      ['Metric', 'Type', 'Labels', 'Meaning'],
      own
        .toSorted((a, b) => a.name.localeCompare(b.name))
        .map(({ name, type, help, labelNames = [] }) => [
          code(name),
          String(type),
          labelNames.map(code).join(', '),
          sentence(help),
        ]),
    ),
  )
}
