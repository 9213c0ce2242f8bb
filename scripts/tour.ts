// A guided tour on its own stack with short-lived tokens, or on a running stack: --auth URL --api URL.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freePort } from '@heirloom/local-stack'
import { startHeirloom } from './start/heirloom.ts'
import { playTour } from './tour/play.ts'

const say = (line: string) => console.log(line)
const interrupt = new AbortController()
const { signal } = interrupt
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interrupt.abort())

try {
  const { values } = parseArgs({
    options: { auth: { type: 'string' }, api: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  const { auth: authUrl, api: apiUrl, help } = values
  if (help) say('Usage: npm run tour -- [--auth URL --api URL]   (without these, the tour starts its own stack)')
  else if (authUrl && apiUrl) await playTour({ authUrl, apiUrl, say, signal })
  else if (authUrl || apiUrl) throw new Error('give both --auth and --api, or neither')
  else await playOnOwnStack()
} catch (error) {
  console.error(signal.aborted ? 'Stopped.' : `tour: ${(error as Error).message}`)
  process.exitCode = 1
}

async function playOnOwnStack(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'heirloom-tour-'))
  try {
    say('Starting the stores and services for the tour ...')
    const { PATH } = process.env
    const env = { PATH, ACCESS_TOKEN_TTL_SECONDS: '5', REFRESH_GRACE_SECONDS: '1', LOG_LEVEL: 'warn' }
    const ports = { authPort: await freePort(), apiPort: await freePort() }
    const heirloom = await startHeirloom({ dataDir, ...ports, env, say: () => {}, signal })
    try {
      await playTour({ ...heirloom, say, signal })
    } finally {
      await heirloom.stop()
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}
