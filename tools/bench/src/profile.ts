/**
 * Where the CPU time of one refresh, and of one login, goes.
 *
 * Method: one server in its own process, driven in a closed loop. The kernel's scheduler says what each kind of its threads
 * takes. Then the same load runs again while V8 samples the main thread. Each sample counts for the innermost frame that one of
 * the parts below claims, so Node's own work counts for its caller. Writes to sockets and the hand-over of a signature are parts
 * of their own. Sampling has a cost, so its shares are applied to the time that the thread takes without it.
 */
import { Pool } from 'undici'
import { threadTimesUs } from '@heirloom/harness/processes'
import { type Frame, type Profile, startInspected } from './inspector.ts'
import { signatureCpuUs, startStores } from './servers.ts'
import { USER, drive, logIn, ourRefresh } from './sessions.ts'

export interface ProfileOptions {
  refreshes: number
  logins: number
  connections: number
}

/** Before anything is measured, until all code is compiled. */
const WARM_UP = { refreshes: 10_000, logins: 300 }
/** Concurrent logins. More would only wait for a hashing thread. */
const LOGINS_AT_ONCE = 4

export async function benchProfile({ refreshes, logins, connections }: ProfileOptions): Promise<void> {
  const stores = await startStores()
  const { server, inspector } = await startInspected(stores)
  const sessions = {
    name: 'Heirloom',
    pool: new Pool(server.url, { connections }),
    tokens: await logIn(server.url, connections),
    request: ourRefresh,
  }
  const refresh = () => drive(sessions, refreshes)
  const logInAll = () => logInTimes(sessions.pool, logins)

  await drive(sessions, WARM_UP.refreshes)
  await logInTimes(sessions.pool, WARM_UP.logins)
  console.log(`One RSA-2048 signature: ${(await signatureCpuUs()).toFixed(0)} µs of CPU.`)
  for (const [name, count, run] of [
    ['refresh', refreshes, refresh],
    ['login', logins, logInAll],
  ] as const) {
    const before = threadTimesUs(server.pid)
    await run()
    const threads = [...threadTimesUs(server.pid)].map(
      ([thread, us]) => [thread, (us - (before.get(thread) ?? 0)) / count] as const,
    )
    const shares = partsOf(await inspector.profile(run))
    const [, mainUs] = threads.find(([thread]) => thread.includes('Main')) ?? []
    if (mainUs === undefined) throw new Error('no thread is named Main')
    console.log(`\nOne ${name}, by thread, and its main thread by part:\n`)
    print(threads)
    print([...shares].map(([part, share]) => [part, share * mainUs] as const))
  }
  inspector.close()
  await sessions.pool.destroy()
  await server.stop()
  await stores.stop()
}

async function logInTimes(pool: Pool, count: number): Promise<void> {
  let left = count
  const client = async () => {
    while (left-- > 0) {
      const request = { method: 'POST', path: '/auth/login', headers: { 'content-type': 'application/json' } } as const
      const { statusCode, body } = await pool.request({ ...request, body: JSON.stringify(USER) })
      await body.dump()
      if (statusCode !== 200) throw new Error(`A login was answered ${statusCode}`)
    }
  }
  await Promise.all(Array.from({ length: LOGINS_AT_ONCE }, client))
}

/** Frames of Node and V8 count for their caller. */
const PARTS: readonly [name: string, claims: (frame: Frame) => boolean][] = [
  ['garbage collection', ({ functionName }) => functionName === '(garbage collector)'],
  ['hand-over of the signature', ({ url }) => url.includes('/keys/')],
  ['tags of refresh tokens', ({ url }) => url.endsWith('/rules/refresh-token.ts')],
  ['ioredis', ({ url }) => /\/node_modules\/ioredis\/|\/stores\/redis-/.test(url)],
  ['Prisma and pg', ({ url }) => /\/node_modules\/(@prisma|pg|pg-[a-z]+)\/|\/generated\/prisma\//.test(url)],
  ['metrics', ({ url }) => /\/node_modules\/prom-client\/|\/service\/src\/metrics\.ts$/.test(url)],
  ['Fastify, the schemas, JSON', ({ url }) => url.includes('/node_modules/')],
  ['the auth server itself', ({ url }) => url.startsWith('file:')],
]
const OTHERS = 'Node: HTTP, streams, timers, reading'
const WRITES = /^(write(Utf8|Latin1)String|writev|writeBuffer)$/

/** The share of each part, largest first. */
function partsOf({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const callers = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  const partOf = (id: number): string | null => {
    const leaf = byId.get(id)?.callFrame
    if (leaf?.functionName === '(idle)') return null
    const isWrite = leaf !== undefined && leaf.url === '' && WRITES.test(leaf.functionName)
    for (let at: number | undefined = id; at !== undefined; at = callers.get(at)) {
      const frame = byId.get(at)?.callFrame
      const part = frame && PARTS.find(([, claims]) => claims(frame))?.[0]
      if (part !== undefined)
        return isWrite ? `writing to sockets: ${part === 'ioredis' ? 'Redis' : 'the answer'}` : part
    }
    return OTHERS
  }
  const parts = new Map<number, string | null>(nodes.map(({ id }) => [id, partOf(id)]))
  const times = new Map<string, number>()
  for (const [i, id] of samples.entries()) {
    const part = parts.get(id)
    if (part) times.set(part, (times.get(part) ?? 0) + (timeDeltas[i] ?? 0))
  }
  const all = [...times.values()].reduce((sum, time) => sum + time, 0)
  return new Map([...times].toSorted(([, a], [, b]) => b - a).map(([part, time]) => [part, time / all]))
}

function print(rows: readonly (readonly [name: string, us: number])[]): void {
  for (const [name, us] of rows.toSorted(([, a], [, b]) => b - a))
    if (us >= 0.5) console.log(`${us.toFixed(us < 10 ? 1 : 0).padStart(8)} µs  ${name}`)
}
