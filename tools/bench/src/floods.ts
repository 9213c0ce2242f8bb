/**
 * What a flood of requests leaves behind, and what an honest user sees meanwhile.
 *
 * Method: one server with default limits and its own stores. For each kind of request, from one address and from many, 32
 * connections send as fast as they get answers. Before and after, the benchmark counts rows, keys, bytes of the log and the
 * heap after a full collection, minus what the honest user added. A trusted proxy sets the addresses. The honest user logs in
 * once a second to the same account that the flood attacks.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { honestUser } from './floods/honest-user.ts'
import { KINDS, type Kind, registerAll } from './floods/kinds.ts'
import { OAUTH_KINDS } from './floods/oauth-kinds.ts'
import { type Footprint, type FloodContext, send, startContext } from './floods/context.ts'
import { progress } from './progress.ts'
import { percentile } from './statistics.ts'

export interface FloodOptions {
  seconds: number
  addresses: number
  /** Only the kinds with this text in their name. */
  only?: string
  table?: string
}

const CONNECTIONS = 32
const WARM_UP_REQUESTS = 200
const MAX_HEAP_MB = 10
/** Sixty lines per minute of two kinds, for two minutes. */
const MAX_LOG_KB = 80

export async function benchFloods({ seconds, addresses, only = '', table }: FloodOptions): Promise<void> {
  const kinds = [...KINDS, ...OAUTH_KINDS].filter(({ name }) => name.includes(only))
  const context = await startContext()
  const rows: string[][] = []
  let broken = 0
  try {
    await registerAll(context)
    for (const kind of kinds) await flood(context, kind, addressesOf(1), { requests: WARM_UP_REQUESTS })
    const quiet = await measure(context, NO_FLOOD, 0, seconds)
    rows.push(quiet.cells)
    broken += quiet.breaks
    for (const kind of kinds) {
      for (const count of [1, addresses]) {
        progress(`${kind.name}, from ${count}`)
        const { cells, breaks } = await measure(context, kind, count, seconds)
        rows.push(cells)
        broken += breaks
      }
    }
  } finally {
    progress('')
    await context.stop()
  }
  const text = [HEAD, HEAD.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  console.log(text)
  console.log(broken === 0 ? '\nAll bounds were kept.' : `\n${broken} BOUNDS ARE BROKEN, marked with !`)
  if (table !== undefined) writeFileSync(table, `${text}\n`)
  if (broken > 0) process.exitCode = 1
}

/** The baseline of the honest user, without a flood. */
const NO_FLOOD: Kind = {
  name: 'none',
  prepare: async () => ({ request: () => ({ method: 'GET', path: '/livez' }) }),
  bound: () => ({ rows: 0, keys: 0 }),
}

const HEAD = [
  'flood',
  'from',
  'answered',
  'rows',
  'keys',
  'heap MB',
  'log KB',
  'honest refreshes, p99',
  'honest logins, longest',
]

async function measure(context: FloodContext, kind: Kind, count: number, seconds: number) {
  await context.forgetAttempts()
  const { request, heard } = await kind.prepare(context)
  const prepared: Kind = { ...kind, prepare: async () => ({ request, ...(heard && { heard }) }) }
  const before = await context.footprint()
  const user = honestUser(context.url)
  const answers = await flood(context, prepared, addressesOf(count), { seconds })
  const seen = await user.stop()
  const left = difference(await context.footprint(), before)

  const bound = kind.bound(count)
  let breaks = 0
  const within = (value: number, most: number, digits = 0) => {
    if (value > most) breaks++
    return `${value.toFixed(digits)} of ${most}${value > most ? ' !' : ''}`
  }
  const experience = (list: number[], share: number) => {
    const isBroken = list.length === 0 || seen.refused.length > 0
    if (isBroken) breaks++
    const words = list.length === 0 ? 'none' : `${list.length}, ${percentile(list, share).toFixed(0)} ms`
    return isBroken ? `${words} ! ${[...new Set(seen.refused)].join(' ')}` : words
  }
  const cells = [
    kind.name,
    String(count),
    [...answers]
      .toSorted(([a], [b]) => a - b)
      .map(([status, times]) => `${times} × ${status}`)
      .join(', '),
    // Each honest session adds a row, an event and a key.
    within(left.rows - 2 * seen.sessions, bound.rows),
    within(left.keys - seen.sessions, bound.keys + HONEST_KEYS),
    within(left.heap / 1e6, MAX_HEAP_MB, 1),
    within(Math.max(0, left.log / 1e3 - seen.sessions * LOGIN_LINE_KB), MAX_LOG_KB),
    experience(seen.refreshes, 0.99),
    experience(seen.logins, 1),
  ]
  return { cells, breaks }
}

/** The honest user's counters by address and by account, and the user's known networks. */
const HONEST_KEYS = 3
/** A login writes an event to the log. */
const LOGIN_LINE_KB = 0.25

const difference = (after: Footprint, before: Footprint): Footprint => ({
  rows: after.rows - before.rows,
  keys: after.keys - before.keys,
  heap: after.heap - before.heap,
  log: after.log - before.log,
})

let networks = 0

/** Addresses that no earlier flood has used. */
function addressesOf(count: number): string[] {
  const network = networks++
  return Array.from({ length: count }, (_, i) => `10.${network}.${i >> 8}.${i & 255}`)
}

/** Sends until the time or the number of requests is used up. Returns how often each status came. */
async function flood(
  context: FloodContext,
  kind: Kind,
  addresses: readonly string[],
  { seconds = Infinity, requests = Infinity }: { seconds?: number; requests?: number },
): Promise<Map<number, number>> {
  const { request, heard } = await kind.prepare(context)
  const pool = new Pool(context.url, { connections: CONNECTIONS })
  const answers = new Map<number, number>()
  const ends = performance.now() + seconds * 1000
  let sent = 0
  const attackers = Array.from({ length: CONNECTIONS }, async () => {
    if (addresses.length === 0) await sleep(seconds * 1000)
    while (sent < requests && performance.now() < ends) {
      const i = sent++
      const { status, body } = await send(pool, request(i), addresses[i % addresses.length] ?? '')
      heard?.(body)
      answers.set(status, (answers.get(status) ?? 0) + 1)
    }
  })
  await Promise.all(attackers)
  await pool.destroy()
  return answers
}
