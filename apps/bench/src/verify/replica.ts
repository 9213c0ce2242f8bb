import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '@heirloom/stack'
import { schedulerTimeUs } from '../cpu-time.ts'
import { median } from '../statistics.ts'
import { type LoadShape, load, requestWith } from './http-load.ts'
import { type Issuer, settingsOf } from './issuer.ts'

const STARTS = 7
/** Of the load: tokens that keep the cache of verdicts full, and nearly as many that are new to it. */
const REQUESTS = 50_000

/** apps/resource-api as it is run in production: how long it takes to be ready, and what it holds in memory under load. */
export async function measureReplica(issuer: Issuer, tokens: readonly string[], shape: LoadShape): Promise<void> {
  await (await startReplica(issuer)).stop()
  const wallMs: number[] = []
  const cpuMs: number[] = []
  const nodeMs: number[] = []
  for (let i = 0; i < STARTS; i++) {
    const began = performance.now()
    await once(spawn(process.execPath, ['--eval', '0'], { stdio: 'ignore' }), 'exit')
    nodeMs.push(performance.now() - began)
    const replica = await startReplica(issuer)
    wallMs.push(replica.readyMs)
    cpuMs.push(replica.cpuMs)
    await replica.stop()
  }
  const spread = (values: number[]) =>
    `${median(values).toFixed(0)} ms (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`
  console.log(`\nOne replica of apps/resource-api, ${STARTS} starts, the median and the least to the most:`)
  console.log(
    `  from its start until /readyz answers 200: ${spread(wallMs)}; under 400 is ${verdict(median(wallMs) < 400)}`,
  )
  console.log(
    `  CPU time until then: ${spread(cpuMs)}; a Node that does nothing, from start to exit: ${spread(nodeMs)}`,
  )

  const replica = await startReplica(issuer)
  const idle = residentMb(replica.pid).now
  const requests = tokens.map((token) => requestWith(token, '/api/me'))
  const sent = Array.from({ length: REQUESTS }, (_, i) => requests[i % requests.length] as Buffer)
  await load(replica.port, sent.values(), REQUESTS, 200, shape)
  const { now, most, shared } = residentMb(replica.pid)
  await replica.stop()
  rmSync(COMPILE_CACHE, { recursive: true })
  console.log(
    `  resident: ${idle.toFixed(0)} MB when ready, at most ${most.toFixed(0)} MB in ${REQUESTS.toLocaleString('en')} requests with ` +
      `${tokens.length.toLocaleString('en')} tokens, ${now.toFixed(0)} MB after, of which ${shared.toFixed(0)} MB are pages of files, chiefly Node's own; under 90 is ${verdict(most < 90)}`,
  )
}

/** As `npm run start:api` has it; the folder of the cache is this run's own, and the first start fills it. */
const COMPILE_CACHE = mkdtempSync(join(tmpdir(), 'heirloom-bench-'))
const NODE_ARGUMENTS = ['--max-semi-space-size=1']

async function startReplica(issuer: Issuer) {
  const port = await freePort()
  const script = fileURLToPath(new URL('../../../resource-api/src/main.ts', import.meta.url))
  const env = { ...settingsOf(issuer, port), HOST: '127.0.0.1', NODE_COMPILE_CACHE: COMPILE_CACHE }
  const began = performance.now()
  const child = spawn(process.execPath, [...NODE_ARGUMENTS, script], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const pid = child.pid ?? 0
  while (!(await isReady(port))) await sleep(2)
  const readyMs = performance.now() - began
  return {
    port,
    pid,
    readyMs,
    cpuMs: schedulerTimeUs(pid) / 1000,
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

const isReady = async (port: number) =>
  fetch(`http://127.0.0.1:${port}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  )

/** What Linux counts as this process' own memory now, and the most that it ever was. */
function residentMb(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mb = (name: string) => (Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024) / 1e6
  return { now: mb('VmRSS'), most: mb('VmHWM'), shared: mb('RssFile') }
}

const verdict = (met: boolean) => (met ? 'met' : 'not met')
