/**
 * What a refresh costs compared with the one signature in it, with oidc-provider, and with a route that only signs, which is the
 * lower bound for any HTTP server.
 *
 * Method: each server is a process of its own with the same number of sessions, driven in a closed loop over keep-alive
 * connections. Rounds are interleaved (ours, the peers, the signature, ours again, …), and the median of the rounds counts.
 * Ratios of rates are made inside a round, so that noise of the machine affects all alike. One ratio carries over to other
 * machines: the server's CPU time per refresh, from /proc, to that of one RSA-2048 signature in a process of the same Node.
 * If `openssl` is installed, each round also measures how many signatures OpenSSL makes on all cores.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { barChart } from '@heirloom/harness/bar-chart'
import { cpuTimeMs, treeCpuTimeMs } from '@heirloom/harness/processes'
import { type Driven, drive, logIn, ourRefresh, refreshByCookie } from './sessions.ts'
import { opensslSignsPerSecond, signatureCpuUs, startAuthServer, startPeer, startStores } from './servers.ts'
import { median, percentile, spread } from './statistics.ts'

export interface RefreshOptions {
  rounds: number
  /** Per round and server. */
  refreshes: number
  connections: number
  /** Measures only the servers whose name contains this. */
  only?: string
  /** A file for the chart. */
  picture?: string
}

/** The example's, with the origin of a page. */
const REALM = fileURLToPath(new URL('./refresh-realm.yaml', import.meta.url))
/** Refreshes of each server before the rounds. */
const WARM_UP = 10_000

interface Contender extends Driven {
  /** A floor is a lower bound for any auth server. It is in the table but not in the chart. */
  kind: 'ours' | 'peer' | 'floor'
  pid: number
  rates: number[]
  cpuUs: number[]
  latencies: number[]
}

export async function benchRefresh({
  rounds,
  refreshes,
  connections,
  only = '',
  picture,
}: RefreshOptions): Promise<void> {
  const stores = await startStores()
  const servers = await Promise.all([
    startAuthServer(stores, { REALM_FILE: REALM }),
    startAuthServer(stores, { SIGNING_ALGORITHM: 'ES256' }),
  ])
  const peers = await Promise.all([
    startPeer('oidc-provider', connections),
    startPeer('oidc-provider', connections, { REDIS_URL: stores.redis.url }),
    startPeer('route', connections, { SIGNS: 'true' }),
    startPeer('route', connections),
  ])
  console.log(`Logging in ${connections} sessions ...`)
  const contender = (
    name: string,
    server: { pid: number; url: string },
    tokens: string[],
    request: Driven['request'],
    kind: Contender['kind'],
  ): Contender => {
    const pool = new Pool(server.url, { connections })
    return { name, kind, pid: server.pid, pool, tokens, request, rates: [], cpuUs: [], latencies: [] }
  }
  const theirs = (token: string) => ({
    path: '/token',
    type: 'application/x-www-form-urlencoded',
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'web', refresh_token: token }).toString(),
  })
  const asOAuth: Driven['request'] = (token) => ({ ...theirs(token), path: '/oauth2/token' })
  const [rs256, es256] = servers
  const [inMemory, onRedis, signing, bare] = peers
  const contenders = [
    contender('Heirloom, RS256', rs256, await logIn(rs256.url, connections), ourRefresh, 'ours'),
    contender('Heirloom, RS256, by cookie', rs256, await logIn(rs256.url, connections), refreshByCookie, 'ours'),
    contender('Heirloom, RS256, /oauth2/token', rs256, await logIn(rs256.url, connections), asOAuth, 'ours'),
    contender('Heirloom, ES256', es256, await logIn(es256.url, connections), ourRefresh, 'ours'),
    contender('oidc-provider in memory', inMemory, inMemory.tokens, theirs, 'peer'),
    contender('oidc-provider on Redis', onRedis, onRedis.tokens, theirs, 'peer'),
    contender('a bare route that signs', signing, signing.tokens, ourRefresh, 'floor'),
    contender('a bare route', bare, bare.tokens, ourRefresh, 'floor'),
  ].filter(({ name }) => name.includes(only))
  const signatures: number[] = []
  const opensslRates: number[] = []
  const storesUs = { redis: [] as number[], postgres: [] as number[] }

  // Until all code is compiled.
  for (const one of contenders) await drive(one, WARM_UP)
  for (let round = 1; round <= rounds; round++) {
    signatures.push(await signatureCpuUs())
    const openssl = await opensslSignsPerSecond()
    if (openssl !== null) opensslRates.push(openssl)
    for (const one of contenders) {
      const before = {
        redis: cpuTimeMs(stores.redis.pid),
        postgres: treeCpuTimeMs(stores.postgres.pid),
        own: cpuTimeMs(one.pid),
      }
      const began = performance.now()
      one.latencies.push(...(await drive(one, refreshes)))
      one.rates.push(refreshes / ((performance.now() - began) / 1000))
      one.cpuUs.push(((cpuTimeMs(one.pid) - before.own) * 1000) / refreshes)
      if (one !== contenders[0]) continue
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
      `\`openssl speed rsa2048\` on all cores: ${signs.toFixed(0)} signatures/s. The server refreshes at ${(rate / signs).toFixed(2)} times that rate, on cores that it shares with its load and stores.`,
    )
  }
  await Promise.all(contenders.map(({ pool }) => pool.destroy()))
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
          'CPU µs per refresh': Math.round(median(contender.cpuUs)),
          'in signatures': ratio(median(contender.cpuUs) / signatureUs),
          'p99 ms': ratio(percentile(contender.latencies, 0.99)),
          'CPU / that of ours (RS256)': spread(contender.cpuUs.map((us, i) => us / (ours.cpuUs[i] ?? Number.NaN))),
          // The kernel counts in ticks of 10 ms: over all rounds, they matter less.
          '… of all rounds together': ratio(sum(contender.cpuUs) / sum(ours.cpuUs)),
          'rate of ours (RS256) / its rate': spread(
            ours.rates.map((rate, i) => rate / (contender.rates[i] ?? Number.NaN)),
          ),
        },
      ]),
    ),
  )
  console.log(
    `Redis and Postgres together: ${storesUs.toFixed(0)} µs per refresh, ${ratio(storesUs / signatureUs)} signatures.`,
  )
  if (picture === undefined) return
  const bars = contenders
    .filter(({ kind }) => kind !== 'floor')
    .map(({ name, rates, kind }) => ({
      label: name,
      value: median(rates),
      text: `${Math.round(median(rates))}/s`,
      ours: kind === 'ours',
    }))
  writeFileSync(picture, barChart('Refreshes per second, one server process, two cores shared with the load', bars))
  console.log(`Chart written to ${picture}`)
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
