/**
 * Whether the memory of the auth server grows with refreshes.
 *
 * Method: the server runs as in production, with Node's inspector open. Sessions refresh by HTTP over 32 connections. Fifty
 * times the load pauses, V8 collects its garbage, and the memory is read. A line is fitted through all samples but the first
 * quarter, in which compilers and pools warm up. Anything that is kept per refresh takes at least 8 bytes, so a heap that
 * grows by less than one byte per refresh keeps nothing. The logins before that take a while: each is one argon2id.
 */
import { writeFileSync } from 'node:fs'
import { Pool } from 'undici'
import { integer } from '@heirloom/harness/numbers'
import { picture as drawn } from '@heirloom/harness/chart'
import { startInspected } from './inspector.ts'
import { progress } from './progress.ts'
import { startStores } from './servers.ts'
import { drive, logIn, ourRefresh } from './sessions.ts'
import { slope } from './statistics.ts'

export interface MemoryOptions {
  sessions: number
  refreshes: number
  picture?: string
}

const SAMPLES = 50
const CONNECTIONS = 32

export async function benchMemory({ sessions, refreshes, picture }: MemoryOptions): Promise<void> {
  const stores = await startStores()
  const { server, inspector } = await startInspected(stores)
  console.log(`Logging in ${sessions} sessions ...`)
  const driven = {
    name: 'Heirloom',
    pool: new Pool(server.url, { connections: CONNECTIONS }),
    tokens: await logIn(server.url, sessions),
    request: ourRefresh,
  }

  const samples: { heap: number; outside: number; resident: number }[] = []
  const step = Math.ceil(refreshes / SAMPLES)
  const began = performance.now()
  for (let done = 0; done < refreshes; done += step) {
    await drive(driven, step)
    samples.push(await inspector.memory())
    progress(`${(done + step).toLocaleString('en')} of ${refreshes.toLocaleString('en')} refreshes`)
  }
  progress('')
  const seconds = (performance.now() - began) / 1000
  inspector.close()
  await driven.pool.destroy()
  await server.stop()
  await stores.stop()

  const settled = samples.slice(SAMPLES / 4)
  const row = (of: (sample: (typeof samples)[number]) => number) => {
    const values = settled.map(of)
    return {
      'MB first': (values[0] ?? 0) / 1e6,
      'MB last': (values.at(-1) ?? 0) / 1e6,
      'bytes per refresh': Number((slope(values) / step).toFixed(2)),
    }
  }
  const heap = row((sample) => sample.heap)
  console.log(`${(step * SAMPLES).toLocaleString('en')} refreshes of ${sessions} sessions in ${seconds.toFixed(0)} s:`)
  console.table({
    'heap after collection': heap,
    'buffers outside the heap': row(({ outside }) => outside),
    resident: row(({ resident }) => resident),
  })
  console.log(
    heap['bytes per refresh'] < 1 ? 'The server keeps nothing per refresh.' : 'The memory GROWS with refreshes.',
  )
  if (picture === undefined) return
  const line = (name: string, of: (sample: (typeof samples)[number]) => number) => {
    const values = samples.map((sample) => of(sample) / 1e6)
    return {
      name: `${name}: ${values.at(-1)?.toFixed(1)} MB at the end`,
      style: 'line' as const,
      points: values.map((value, i): [number, number] => [((i + 1) * step) / 1000, value]),
    }
  }
  const svg = drawn({
    title: 'Memory of the auth server, after garbage collections',
    x: { label: 'thousands of refreshes', scale: 'linear', format: integer },
    y: { label: 'MB', scale: 'linear', format: integer },
    series: [line('heap', ({ heap: bytes }) => bytes), line('resident', ({ resident }) => resident)],
  })
  writeFileSync(picture, svg)
  console.log(`Chart written to ${picture}`)
}
