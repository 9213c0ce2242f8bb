import type { LoadOptions } from './arguments.ts'
import type { Load } from './engine/drive.ts'
import type { Engines } from './engine/engines.ts'
import { measure } from './measure/measure.ts'
import { brokenLimits, engineBottleneck } from './measure/verdict.ts'
import { PROFILES } from './profiles.ts'
import type { RunResult } from './result.ts'
import { restartInTurn } from './stack/disturb.ts'
import type { LocalStack } from './stack/local-stack.ts'
import { LiveView } from './view/live-view.ts'
import { integer, milliseconds } from '@heirloom/harness/numbers'

export interface Target {
  apiUrls: string[]
  authUrls: string[]
}

interface Run {
  options: LoadOptions
  load: Load
  engines: Engines
  stack: LocalStack | null
  target: Target
  /** When a new key begins to sign, in milliseconds since 1970, or null. */
  signsAt: number | null
  /** How many calls each replica has answered before. */
  warmUpCalls: number
}

/** Measures a running stack with clients that are logged in. */
export async function runOnce({
  options,
  load,
  engines,
  stack,
  target,
  signsAt,
  warmUpCalls,
}: Run): Promise<RunResult> {
  const { profile, duration: durationMs, clients } = options
  const replicas = stack?.replicas ?? []
  const title = `${profile} on ${stack ? `${replicas.length} replica${replicas.length === 1 ? '' : 's'}` : target.apiUrls.join(', ')}, ${integer(clients)} clients`
  const names = new Map(replicas.map(({ name, service }) => [new URL(service.url).host, name]))
  const nameOf = (server: string) => names.get(server) ?? server
  const view = new LiveView(title, durationMs, nameOf)

  const began = Date.now()
  const events: RunResult['events'] = []
  const note = (what: string) => {
    events.push({ at: (Date.now() - began) / 1000, what })
    view.event(what)
  }
  if (signsAt !== null) events.push({ at: (signsAt - began) / 1000, what: 'the new key begins to sign' })

  const over = new AbortController()
  const { event } = PROFILES[profile]
  const isRestarted = stack !== null && (event === 'chaos' || event === 'rolling')
  const disturbing = isRestarted ? restartInTurn(stack, event === 'chaos', over.signal, note) : Promise.resolve()
  const onSecond = view.second.bind(view)
  const { measured, used, connections } = await measure({ engines, stack, load, durationMs, onSecond })
  over.abort()
  await disturbing

  return {
    title,
    settings: {
      Profile: `${profile}: ${PROFILES[profile].summary}`,
      Load: describe(load),
      Logins: LOGINS[options.login],
      Clients: integer(clients),
      'Resource service': stack ? `${replicas.length} × ${balancing(stack)}` : target.apiUrls.join(', '),
      'Auth server': stack
        ? `${stack.authServers.length} × on Postgres${stack.redis ? ' and Redis' : ' alone'}`
        : target.authUrls.join(', '),
      Engine: `undici on ${options.engines} thread${options.engines === 1 ? '' : 's'}`,
      ...(warmUpCalls > 0 && { 'Warm-up': `${integer(warmUpCalls)} calls to each replica` }),
      Limits: limitsOf(options),
    },
    measured: { ...measured, servers: renamed(measured.servers, nameOf) },
    used,
    replicas: stack ? replicas.length : target.apiUrls.length,
    connections,
    events,
    bottleneck: engineBottleneck(measured),
    broken: brokenLimits(measured, { ...options, storeConnections: connections?.replicas }),
  }
}

const LOGINS = {
  password: 'with a password, at /auth/login',
  code: 'by the code flow, through the login and consent pages',
  'client-credentials': 'by client credentials: programs without a user',
} satisfies Record<LoadOptions['login'], string>

const balancing = ({ balancer }: LocalStack) =>
  balancer ? `behind ${balancer.name}` : 'without a balancer (clients use them in turn)'

function describe(load: Load): string {
  switch (load.model) {
    case 'arrivals':
      return `open: ${load.perSecond} calls per second arrive at random, whether or not answers come`
    case 'paced':
      return `closed: each client calls every ${milliseconds(load.thinkMs)} on average, and catches up when it is late`
    case 'saturating':
      return `closed: ${load.inFlight} calls are in flight at any time`
  }
}

function limitsOf({ maxErrorRate, maxP99 }: LoadOptions): string {
  const limits = [
    'no false refusal, no successful attack',
    ...(maxErrorRate === undefined ? [] : [`at most ${maxErrorRate * 100} % of requests fail`]),
    ...(maxP99 === undefined ? [] : [`p99 at most ${milliseconds(maxP99)}`]),
  ]
  return limits.join('; ')
}

const renamed = <T>(servers: Record<string, T>, nameOf: (server: string) => string): Record<string, T> =>
  Object.fromEntries(
    Object.entries(servers)
      .map(([server, seen]): [string, T] => [nameOf(server), seen])
      .toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true })),
  )
