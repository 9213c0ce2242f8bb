/**
 * How much a refresh costs beside the one signature in it, and beside oidc-provider's.
 *
 * Method: each server is a process of its own, with the same number of sessions; this process drives them in a closed loop
 * over keep-alive connections. Rounds are interleaved (ours, the peers, the signature, ours again, …) and the median of the
 * rounds counts, so that a noise of the machine falls on all alike. What carries over to other machines is the ratio of
 * CPU times: the server's per refresh, by /proc, to that of one RSA-2048 signature in a process of the same Node. What
 * OpenSSL signs on all cores with nothing around it is measured in each round too, where `openssl` is installed.
 */
import { writeFileSync } from 'node:fs'
import { Pool } from 'undici'
import { barChart } from './bar-chart.ts'
import { cpuTimeMs, treeCpuTimeMs } from './cpu-time.ts'
import { type Driven, drive, logIn, ourRefresh } from './sessions.ts'
import { opensslSignsPerSecond, signatureCpuUs, startAuthServer, startOidcProvider, startStores } from './servers.ts'
import { median, percentile } from './statistics.ts'

export interface RefreshOptions {
  rounds: number
  /** In a round, by each server. */
  refreshes: number
  connections: number
  /** A file for the picture. */
  picture?: string
}

interface Contender extends Driven {
  ours: boolean
  pid: number
  rates: number[]
  cpuUs: number[]
  latencies: number[]
}

export async function benchRefresh({ rounds, refreshes, connections, picture }: RefreshOptions): Promise<void> {
  const stores = await startStores()
  const servers = await Promise.all([startAuthServer(stores), startAuthServer(stores, { SIGNING_ALGORITHM: 'ES256' })])
  const peers = await Promise.all([startOidcProvider(connections), startOidcProvider(connections, stores.redis.url)])
  const pool = (url: string) => new Pool(url, { connections })
  const measured = { rates: [], cpuUs: [], latencies: [] }
  const theirs = (token: string) => ({
    path: '/token',
    type: 'application/x-www-form-urlencoded',
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'web', refresh_token: token }).toString(),
  })
  const [rs256, es256] = servers
  const [inMemory, onRedis] = peers
  console.log(`Logging ${connections} sessions in ...`)
  const contenders: Contender[] = [
    {
      name: 'Heirloom, RS256',
      ours: true,
      pid: rs256.pid,
      pool: pool(rs256.url),
      tokens: await logIn(rs256.url, connections),
      request: ourRefresh,
      ...structuredClone(measured),
    },
    {
      name: 'Heirloom, ES256',
      ours: true,
      pid: es256.pid,
      pool: pool(es256.url),
      tokens: await logIn(es256.url, connections),
      request: ourRefresh,
      ...structuredClone(measured),
    },
    {
      name: 'oidc-provider in memory',
      ours: false,
      pid: inMemory.pid,
      pool: pool(inMemory.url),
      tokens: inMemory.tokens,
      request: theirs,
      ...structuredClone(measured),
    },
    {
      name: 'oidc-provider on Redis',
      ours: false,
      pid: onRedis.pid,
      pool: pool(onRedis.url),
      tokens: onRedis.tokens,
      request: theirs,
      ...structuredClone(measured),
    },
  ]
  const signatures: number[] = []
  const opensslRates: number[] = []
  const storesUs = { redis: [] as number[], postgres: [] as number[] }

  for (const contender of contenders) await drive(contender, Math.ceil(refreshes / 4))
  for (let round = 1; round <= rounds; round++) {
    signatures.push(await signatureCpuUs())
    const openssl = await opensslSignsPerSecond()
    if (openssl !== null) opensslRates.push(openssl)
    for (const contender of contenders) {
      const before = {
        redis: cpuTimeMs(stores.redis.pid),
        postgres: treeCpuTimeMs(stores.postgres.pid),
        own: cpuTimeMs(contender.pid),
      }
      const began = performance.now()
      contender.latencies.push(...(await drive(contender, refreshes)))
      contender.rates.push(refreshes / ((performance.now() - began) / 1000))
      contender.cpuUs.push(((cpuTimeMs(contender.pid) - before.own) * 1000) / refreshes)
      if (contender !== contenders[0]) continue
      storesUs.redis.push(((cpuTimeMs(stores.redis.pid) - before.redis) * 1000) / refreshes)
      storesUs.postgres.push(((treeCpuTimeMs(stores.postgres.pid) - before.postgres) * 1000) / refreshes)
    }
    console.log(
      `Round ${round} of ${rounds}: ${contenders.map(({ name, rates }) => `${name} ${rates.at(-1)?.toFixed(0)}/s`).join(', ')}`,
    )
  }

  report(contenders, median(signatures), median(storesUs.redis) + median(storesUs.postgres), picture)
  const [ours] = contenders
  if (ours && opensslRates.length > 0) {
    const [signs, rate] = [median(opensslRates), median(ours.rates)]
    console.log(
      `\`openssl speed rsa2048\` on all cores: ${signs.toFixed(0)} signatures/s; the one server, beside its load and its stores, ${(rate / signs).toFixed(2)} of that.`,
    )
  }
  await Promise.all(contenders.map((contender) => contender.pool.destroy()))
  for (const peer of peers) peer.stop()
  await Promise.all(servers.map((server) => server.stop()))
  await stores.stop()
}

function report(contenders: Contender[], signatureUs: number, storesUs: number, picture?: string): void {
  const ratio = (value: number) => value.toFixed(2)
  const [ours] = contenders
  if (!ours) return
  console.log(`\nOne RSA-2048 signature: ${signatureUs.toFixed(0)} µs of CPU. Medians of the rounds:\n`)
  console.table(
    Object.fromEntries(
      contenders.map((contender) => [
        contender.name,
        {
          'refreshes/s': Math.round(median(contender.rates)),
          'CPU µs a refresh': Math.round(median(contender.cpuUs)),
          'in signatures': ratio(median(contender.cpuUs) / signatureUs),
          'p99 ms': ratio(percentile(contender.latencies, 0.99)),
          'RS256 of ours is': `${ratio(median(ours.rates) / median(contender.rates))} times as fast`,
        },
      ]),
    ),
  )
  console.log(
    `Redis and Postgres together: ${storesUs.toFixed(0)} µs a refresh, ${ratio(storesUs / signatureUs)} signatures.`,
  )
  if (picture === undefined) return
  const bars = contenders.map(({ name, rates, ours: isOurs }) => ({
    label: name,
    value: median(rates),
    text: `${Math.round(median(rates))}/s`,
    ours: isOurs,
  }))
  writeFileSync(picture, barChart('Refreshes per second, one server process, two cores shared with the load', bars))
  console.log(`Drawn: ${picture}`)
}
