import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Memory, memoryOf, schedulerTimeUs } from '@heirloom/harness/processes'
import { RESOURCE_API } from '@heirloom/harness/services'
import { freePort } from '@heirloom/local-stack'
import { median } from '../statistics.ts'
import { type LoadShape, load, requestWith } from './http-load.ts'
import { type Issuer, settingsOf } from './issuer.ts'

const STARTS = 7
/** They fill the verifier's cache, and nearly as many tokens do not fit into it. */
const REQUESTS = 50_000
const FETCHES_AFTER_LOAD = 6

/** Measures apps/resource-api as it runs in production: the time until it is ready, and its memory under load. */
export async function measureReplica(issuer: Issuer, tokens: readonly string[], shape: LoadShape): Promise<void> {
  const compileCache = mkdtempSync(join(tmpdir(), 'heirloom-bench-'))
  const start = (mode = 'open') => startReplica(issuer, compileCache, mode)
  // The first start fills the cache.
  await (await start()).stop()
  const wallMs: number[] = []
  const cpuMs: number[] = []
  const nodeMs: number[] = []
  for (let i = 0; i < STARTS; i++) {
    const began = performance.now()
    await once(spawn(process.execPath, ['--eval', '0'], { stdio: 'ignore' }), 'exit')
    nodeMs.push(performance.now() - began)
    const replica = await start()
    wallMs.push(replica.readyMs)
    cpuMs.push(replica.cpuMs)
    await replica.stop()
  }
  const spread = (values: number[]) =>
    `${median(values).toFixed(0)} ms (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`
  console.log(`\nOne replica of apps/resource-api, ${STARTS} starts, median (minimum to maximum):`)
  console.log(`  time until /readyz answers 200: ${spread(wallMs)}; target of 400 ms ${verdict(median(wallMs) < 400)}`)
  console.log(`  CPU time until then: ${spread(cpuMs)}; Node alone, from start to exit: ${spread(nodeMs)}`)

  const requests = tokens.map((token) => requestWith(token, '/api/me'))
  const sent = Array.from({ length: REQUESTS }, (_, i) => requests[i % requests.length] as Buffer)
  const underLoad = async (mode: string) => {
    const replica = await start(mode)
    const ready = memoryOf(replica.pid)
    await load(replica.port, sent.values(), REQUESTS, 200, shape)
    // Copies of the list come after the load as well.
    await sleep(FETCHES_AFTER_LOAD * 5_000)
    const loaded = memoryOf(replica.pid)
    await replica.stop()
    return { ready, loaded }
  }
  const without = await underLoad('off')
  const { ready, loaded } = await underLoad('open')
  rmSync(compileCache, { recursive: true })
  const mb = (bytes: number) => (bytes / 1e6).toFixed(0)
  const memory = ({ residentBytes, ownBytes }: Memory) =>
    `${mb(residentBytes)} MB resident, ${mb(ownBytes)} of them heap and stacks, which it shares with no other process`
  console.log(`  memory when ready: ${memory(ready)}; target of 90 MB ${verdict(ready.residentBytes < 90e6)}`)
  console.log(
    `  after ${REQUESTS.toLocaleString('en')} requests with ${tokens.length.toLocaleString('en')} tokens: ${memory(loaded)}; ` +
      `at most ${mb(loaded.peakBytes)} MB resident; target of 90 MB ${verdict(loaded.peakBytes < 90e6)}`,
  )
  const moreBytes = loaded.ownBytes - without.loaded.ownBytes
  console.log(
    `  with a status list of 16 million sessions that changes every 5 s: ${(moreBytes / 1e6).toFixed(1)} MB more than without ` +
      `(peak ${((loaded.peakBytes - without.loaded.peakBytes) / 1e6).toFixed(1)} MB); target of 5 MB ${verdict(moreBytes < 5e6)}`,
  )
}

/** As in `npm run start:api`. */
const NODE_ARGUMENTS = ['--max-semi-space-size=1']

async function startReplica(issuer: Issuer, compileCache: string, mode: string) {
  const port = await freePort()
  const env = { ...settingsOf(issuer, port), HOST: '127.0.0.1', STATUS_MODE: mode, NODE_COMPILE_CACHE: compileCache }
  const began = performance.now()
  const child = spawn(process.execPath, [...NODE_ARGUMENTS, RESOURCE_API], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
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

const verdict = (met: boolean) => (met ? 'met' : 'not met')
