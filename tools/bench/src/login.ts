/**
 * What a login costs compared with the one argon2id in it, and how a flood of logins slows refreshes.
 *
 * Method: one server and its stores, driven by this process. Sequential logins give the CPU time of one, from /proc. It is
 * compared with one argon2id with the same parameters, in a process of the same Node. Then refreshes alone and refreshes
 * during a flood take turns. The flood sends wrong passwords, more at a time than the queue takes. Ratios are made inside a
 * round, and the median of the rounds counts.
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { barChart } from '@heirloom/harness/bar-chart'
import { cpuTimeMs } from '@heirloom/harness/processes'
import { startAuthServer, startStores } from './servers.ts'
import { type Driven, USER, drive, logIn, ourRefresh } from './sessions.ts'
import { spread } from './statistics.ts'

const LOGINS = 100
const FLOOD_CONNECTIONS = 100

export interface LoginOptions {
  rounds: number
  refreshes: number
  connections: number
  picture?: string
}

export async function benchLogin({ rounds, refreshes, connections, picture }: LoginOptions): Promise<void> {
  const stores = await startStores()
  const server = await startAuthServer(stores)
  const sessions: Driven = {
    name: 'Heirloom',
    pool: new Pool(server.url, { connections }),
    tokens: await logIn(server.url, connections),
    request: ourRefresh,
  }

  const hashMs = await argon2CpuMs()
  const before = cpuTimeMs(server.pid)
  for (let i = 0; i < LOGINS; i++) await post(sessions.pool, USER)
  const loginMs = (cpuTimeMs(server.pid) - before) / LOGINS
  console.log(
    `A login takes ${loginMs.toFixed(1)} ms of CPU, one argon2id ${hashMs.toFixed(1)} ms: ratio ${(loginMs / hashMs).toFixed(2)}.`,
  )

  const rates = { alone: [] as number[], flooded: [] as number[] }
  const answers = new Map<number, number>()
  await drive(sessions, refreshes)
  for (let round = 1; round <= rounds; round++) {
    rates.alone.push(await rate(sessions, refreshes))
    const stop = flood(server.url, answers)
    rates.flooded.push(await rate(sessions, refreshes))
    await stop()
    console.log(
      `Round ${round} of ${rounds}: ${rates.alone.at(-1)?.toFixed(0)}/s alone, ${rates.flooded.at(-1)?.toFixed(0)}/s during the flood`,
    )
  }
  const left = rates.flooded.map((one, i) => one / (rates.alone[i] ?? Number.NaN))
  console.log(`During a flood of logins, the refresh rate is ${spread(left)} of its normal value.`)
  console.log(`Answers to the flood: ${[...answers].map(([status, count]) => `${count} × ${status}`).join(', ')}`)
  await sessions.pool.destroy()
  await server.stop()
  await stores.stop()
  if (picture === undefined) return
  const bars = left.flatMap((share, i) => {
    const [alone = 0, flooded = 0] = [rates.alone[i], rates.flooded[i]]
    return [
      { label: `round ${i + 1}, alone`, value: alone, text: `${Math.round(alone)}/s` },
      {
        label: 'during the flood',
        value: flooded,
        text: `${Math.round(flooded)}/s, a share of ${share.toFixed(2)}`,
        ours: true,
      },
    ]
  })
  const title = `Refreshes per second, alone and during logins with wrong passwords from ${FLOOD_CONNECTIONS} clients`
  writeFileSync(picture, barChart(title, bars))
  console.log(`Chart written to ${picture}`)
}

async function rate(sessions: Driven, refreshes: number): Promise<number> {
  const began = performance.now()
  await drive(sessions, refreshes)
  return refreshes / ((performance.now() - began) / 1000)
}

async function post(pool: Pool, credentials: object): Promise<number> {
  const answer = await pool.request({
    method: 'POST',
    path: '/auth/login',
    body: JSON.stringify(credentials),
    headers: { 'content-type': 'application/json' },
  })
  await answer.body.dump()
  return answer.statusCode
}

/** Sends wrong passwords over many connections until it is stopped. */
function flood(url: string, answers: Map<number, number>): () => Promise<void> {
  const pool = new Pool(url, { connections: FLOOD_CONNECTIONS })
  const stop = new AbortController()
  const attackers = Array.from({ length: FLOOD_CONNECTIONS }, async (_, i) => {
    while (!stop.signal.aborted) {
      const status = await post(pool, { username: `nobody-${i}`, password: 'wrong' })
      answers.set(status, (answers.get(status) ?? 0) + 1)
    }
  })
  return async () => {
    stop.abort()
    await Promise.all(attackers)
    await pool.destroy()
  }
}

async function argon2CpuMs(): Promise<number> {
  const script = fileURLToPath(new URL('./peers/argon2.ts', import.meta.url))
  return Number(await text(spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout))
}
