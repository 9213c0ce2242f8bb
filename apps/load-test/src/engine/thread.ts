// One engine on its own thread, so that the live view and the stack do not disturb it.
import { parentPort, workerData } from 'node:worker_threads'
import type { Load } from './drive.ts'
import { Engine, type EngineOptions } from './engine.ts'
import type { Tick } from './tally.ts'

export type Order =
  | { do: 'open'; atOnce: number }
  | { do: 'retarget'; apiUrls: string[] }
  | { do: 'run'; load: Load; durationMs: number }
  | { do: 'close' }

export type Word =
  { said: 'opened' } | { said: 'tick'; tick: Tick } | { said: 'done' } | { said: 'failed'; message: string }

const TICK_MS = 1_000

const port = parentPort ?? process.exit(1)
const engine = new Engine(workerData as EngineOptions)
const say = (word: Word) => port.postMessage(word)

async function run(load: Load, durationMs: number): Promise<void> {
  const sayTick = () => {
    const tick = engine.tally.take()
    port.postMessage({ said: 'tick', tick } satisfies Word, [tick.packed.buffer, tick.lateness.buffer])
  }
  const timer = setInterval(sayTick, TICK_MS)
  await engine.run(load, durationMs)
  clearInterval(timer)
  sayTick()
}

async function follow(order: Order): Promise<void> {
  try {
    if (order.do === 'open') await engine.open(order.atOnce, () => say({ said: 'opened' }))
    else if (order.do === 'retarget') await engine.retarget(order.apiUrls)
    else if (order.do === 'run') await run(order.load, order.durationMs)
    else await engine.close()
    say({ said: 'done' })
  } catch (error) {
    say({ said: 'failed', message: (error as Error).message })
  }
  if (order.do === 'close') port.close()
}

port.on('message', (order: Order) => void follow(order))
