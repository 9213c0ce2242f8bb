import type { Client, MakeClient } from './clients.ts'
import { Endpoint } from './endpoint.ts'
import { STORY, kidOfToken } from './story.ts'
import { VirtualTime } from './virtual-time.ts'

export interface Outcome {
  /** Fetches of the whole fleet per second of the scenario. */
  perSecond: Uint32Array
  /** Refused requests with a valid token, per second. */
  refused: Uint32Array
  /** The most fetches that one replica made during the flood. */
  mostInFlood: number
}

/** Runs a fleet through the scenario. Every replica gets a request with a valid token each second. */
export async function simulate(makeClient: MakeClient, replicas: number): Promise<Outcome> {
  const time = new VirtualTime()
  const perSecond = new Uint32Array(STORY.end + 1)
  const refused = new Uint32Array(STORY.end)
  const inFlood = new Uint32Array(replicas)
  const clients: Client[] = []
  const start = (replica: number) => {
    const endpoint = new Endpoint(time.now, (second) => {
      count(perSecond, second)
      if (isIn(STORY.flood, second)) count(inFlood, replica)
    })
    clients.push(makeClient(time, endpoint))
  }
  /** Requests that wait for a fetch. All are answered within their second. */
  const late: Promise<void>[] = []

  for (let second = 0; second < STORY.end; second++) {
    const started = Math.min(replicas, Math.ceil(((second + 1) / STORY.deployedBy) * replicas))
    while (clients.length < started) start(clients.length)
    await time.settle()
    const flooded = isIn(STORY.flood, second)
    for (const [i, client] of clients.entries()) {
      const valid = client.hasKey(kidOfToken(second, time.random))
      if (valid instanceof Promise) late.push(valid.then((ok) => void (ok || count(refused, second))))
      else if (!valid) count(refused, second)
      if (!flooded) continue
      const forged = client.hasKey(`forged-${second}-${i}`)
      if (forged instanceof Promise) late.push(forged.then(() => undefined))
    }
    await Promise.all(late.splice(0))
    await time.advance(1_000)
  }
  for (const client of clients) client.close()
  return { perSecond, refused, mostInFlood: Math.max(...inFlood) }
}

const isIn = ({ from, to }: { from: number; to: number }, second: number) => from <= second && second < to
const count = (counters: Uint32Array, at: number) => (counters[at] = (counters[at] ?? 0) + 1)
