import { integer, number } from '@heirloom/harness/numbers'
import { type Chart, chart, picture } from '@heirloom/harness/chart'
import type { RevocationPoint, TradeOff } from '../result.ts'
import { tableOf } from './html.ts'

const CLIENTS = 1_000_000
const SECONDS_BETWEEN_CALLS = 10
const REPLICAS = 1_000
/** The leeway of resource services for clock differences, in seconds. */
const LEEWAY_SECONDS = 10
/** When clients refresh on average, as a share of the lifetime. */
const REFRESHED_AT = 0.85
/** The default, which a list lets one keep. */
const LIFETIME_SECONDS = 900
/** The body of an answer of `/oauth2/introspect`. */
const INTROSPECTION_BYTES = 350
const DRAWN_SECONDS = [10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 2700, 3600]

const nameOf = (seconds: number) => (seconds % 60 ? `${seconds} s` : seconds < 3600 ? `${seconds / 60} min` : '1 h')

/** Of all auth servers, per second. */
interface Cost {
  /** The longest time until a logout works everywhere. */
  seconds: number
  requests: number
  bytes: number
}

const refreshing = (lifetimeSeconds: number) => CLIENTS / (lifetimeSeconds * REFRESHED_AT)

const ofLifetime = (lifetimeSeconds: number, { refreshBytes }: TradeOff): Cost => ({
  seconds: lifetimeSeconds + LEEWAY_SECONDS,
  requests: refreshing(lifetimeSeconds),
  bytes: refreshing(lifetimeSeconds) * refreshBytes,
})

const ofList = ({ mostMs, fetchesPerSecond, bytesPerSecond }: RevocationPoint, { refreshBytes }: TradeOff): Cost => ({
  seconds: mostMs / 1_000,
  requests: refreshing(LIFETIME_SECONDS) + REPLICAS * fetchesPerSecond,
  bytes: refreshing(LIFETIME_SECONDS) * refreshBytes + REPLICAS * bytesPerSecond,
})

const polled = ({ lists }: TradeOff) => lists.filter(({ mode }) => mode === 'polling')
const waiting = ({ lists }: TradeOff) => lists.filter(({ mode }) => mode === 'waiting')

const megabytesASecond = (bytes: number) => number(bytes / 1e6)

function chartOf(measured: TradeOff, what: 'requests' | 'bytes'): Chart {
  const point = (cost: Cost): [number, number] => [cost.seconds, cost[what]]
  const lists = measured.lists.map((list) => ofList(list, measured))
  const calls = CLIENTS / SECONDS_BETWEEN_CALLS
  const introspection = { requests: calls, bytes: calls * INTROSPECTION_BYTES }[what]
  return {
    title: `${integer(CLIENTS)} clients in constant use, ${integer(REPLICAS)} replicas`,
    width: 560,
    x: {
      label: 'longest time until a logout works at every resource service, in seconds',
      scale: 'log',
      ticks: [1, 2, 5, 10, 20, 60, 300, 900, 3600],
      format: integer,
    },
    y:
      what === 'requests'
        ? { label: 'requests per second to the auth servers', scale: 'log', format: integer }
        : { label: 'MB per second from the auth servers', scale: 'log', format: megabytesASecond },
    series: [
      {
        name: 'lifetime alone, expected',
        style: 'dashed',
        points: DRAWN_SECONDS.map((seconds) => point(ofLifetime(seconds, measured))),
      },
      {
        name: 'lifetime alone, measured',
        style: 'dots',
        points: measured.lifetimes.map(({ callsPerSecond, logoutTookSeconds }): [number, number] => {
          const requests = callsPerSecond * CLIENTS
          return [Math.max(...logoutTookSeconds), what === 'requests' ? requests : requests * measured.refreshBytes]
        }),
        labels: measured.lifetimes.map(({ lifetimeSeconds }) => nameOf(lifetimeSeconds)),
      },
      {
        name: `lifetime of ${nameOf(LIFETIME_SECONDS)}, and a list that is polled every so often, measured`,
        style: 'line',
        points: polled(measured).map((list) => point(ofList(list, measured))),
        labels: polled(measured).map(({ ttlSeconds }) => nameOf(ttlSeconds)),
      },
      {
        name: `lifetime of ${nameOf(LIFETIME_SECONDS)}, and a list that is waited for, measured`,
        style: 'dots',
        points: waiting(measured).map((list) => point(ofList(list, measured))),
      },
      {
        name: `introspection: a request for each of ${integer(calls)} calls a second`,
        style: 'dashed',
        points: [
          [Math.min(1, ...lists.map(({ seconds }) => seconds)), introspection],
          [ofLifetime(DRAWN_SECONDS.at(-1) ?? 0, measured).seconds, introspection],
        ],
      },
    ],
  }
}

const chartsOf = (measured: TradeOff) => [chartOf(measured, 'requests'), chartOf(measured, 'bytes')]

/** As a file of its own. */
export const tradeOffPicture = (measured: TradeOff): string => picture(...chartsOf(measured))

/** What a fast logout costs. */
export function tradeOffSection(measured: TradeOff): string {
  const listRows = measured.lists.map((list) => {
    const { requests, bytes, seconds } = ofList(list, measured)
    const how = list.mode === 'polling' ? `every ${nameOf(list.ttlSeconds)}` : 'waited for'
    return [
      how,
      `${number(list.p50Ms / 1_000)} s`,
      `${number(list.p99Ms / 1_000)} s`,
      `${number(seconds)} s`,
      integer(requests),
      megabytesASecond(bytes),
    ]
  })
  return `<section><h2>What a fast logout costs</h2>
${chartsOf(measured).map(chart).join('\n')}
<h3>The lifetime alone</h3>
${tableOf([
  ['lifetime', 'requests per second, measured', 'expected', 'until a logout works, measured', 'expected at most'],
  ...measured.lifetimes.map(({ lifetimeSeconds, callsPerSecond, logoutTookSeconds }) => [
    nameOf(lifetimeSeconds),
    integer(callsPerSecond * CLIENTS),
    integer(refreshing(lifetimeSeconds)),
    `${number(Math.min(...logoutTookSeconds))} to ${number(Math.max(...logoutTookSeconds))} s`,
    `${lifetimeSeconds + LEEWAY_SECONDS} s`,
  ]),
])}
<h3>With a status list, and a lifetime of ${nameOf(LIFETIME_SECONDS)}</h3>
${tableOf([['list', 'until a logout works: p50', 'p99', 'longest', 'requests per second', 'MB per second'], ...listRows])}
<p>Without a list, a logout works at a resource service when the access token expires: at most one lifetime later, plus ${LEEWAY_SECONDS} s of
leeway for clocks. Clients refresh at ${REFRESHED_AT * 100} % of the lifetime on average. With a list, each of ${integer(REPLICAS)} replicas fetches it as measured, and
clients refresh every ${nameOf(LIFETIME_SECONDS)}. The list is that of a million sessions. With introspection, a logout works at once. Bytes are those of bodies.</p>
</section>`
}
