import { Client } from './client.ts'
import type { Fault } from './faults/fault.ts'
import { TestCluster } from './test-cluster.ts'
import type { Layout } from './test-stores.ts'
import { Ledger } from './ledger.ts'
import { Load, type LoadOptions } from './load.ts'
import { Revocations } from './revocations.ts'
import { type Outcome, type Timing, runFault } from './run-fault.ts'

interface SuiteOptions extends Timing {
  servers: number
  load: LoadOptions
  onBegin?: (name: string) => void
  onEnd?: (outcome: Outcome) => void
}

/** A fault that could not be tried, and why. */
export interface Skipped {
  name: string
  obstacle: string
}

interface Report {
  outcomes: Outcome[]
  skipped: Skipped[]
}

/** Runs one fault after the other, with one cluster and one ledger per layout of Redis. */
export async function runSuite(faults: readonly Fault[], options: SuiteOptions): Promise<Report> {
  const report: Report = { outcomes: [], skipped: [] }
  const possible = faults.filter(({ name, obstacle }) => {
    const reason = obstacle?.() ?? null
    if (reason !== null) report.skipped.push({ name, obstacle: reason })
    return reason === null
  })
  for (const [layout, these] of Map.groupBy(possible, (fault) => fault.layout ?? 'one'))
    report.outcomes.push(...(await runOnCluster(layout, these, options)))
  return report
}

async function runOnCluster(layout: Layout, faults: readonly Fault[], options: SuiteOptions): Promise<Outcome[]> {
  const cluster = new TestCluster()
  const client = new Client()
  const outcomes: Outcome[] = []
  try {
    await cluster.start(options.servers, layout)
    const urls = cluster.nodes.map(({ url }) => url)
    const isEndedByOperator = (token: string) => cluster.isEndedByRestore(token)
    const ledger = new Ledger()
    const revocations = new Revocations(cluster.listReaders, client, ledger)
    const onEnded = (accessToken: string) => revocations.add(accessToken)
    const context = { urls, client, ledger, isEndedByOperator, onEnded }
    const load = new Load(cluster, context, revocations, options.load)
    await load.prepare()
    for (const fault of faults) {
      options.onBegin?.(fault.name)
      const outcome = await runFault({ cluster, load }, fault, options)
      options.onEnd?.(outcome)
      outcomes.push(outcome)
    }
  } finally {
    await client.close()
    await cluster.stop()
  }
  return outcomes
}
