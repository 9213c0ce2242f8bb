import { freePort } from '@heirloom/local-stack'
import { startAuthServer } from './servers.ts'

/** https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#type-CallFrame */
export interface Frame {
  functionName: string
  url: string
}

/** https://chromedevtools.github.io/devtools-protocol/v8/Profiler/#type-Profile */
export interface Profile {
  nodes: { id: number; callFrame: Frame; children?: number[] }[]
  samples: number[]
  timeDeltas: number[]
}

interface Answer {
  id: number
  result: { result: { value: string }; profile: Profile }
}

/** An auth server with Node's inspector open. */
export async function startInspected(
  stores: Parameters<typeof startAuthServer>[0],
  settings: Record<string, string> = {},
) {
  const port = await freePort()
  const server = await startAuthServer(stores, { ...settings, NODE_OPTIONS: `--inspect=127.0.0.1:${port}` })
  return { server, inspector: await openInspector(port) }
}

/** A client of Node's inspector, which speaks the DevTools protocol. */
async function openInspector(port: number) {
  const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
    webSocketDebuggerUrl: string
  }[]
  const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? '')
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
  const waiting = new Map<number, (answer: Answer) => void>()
  socket.addEventListener('message', ({ data }) => {
    const answer = JSON.parse(String(data)) as Answer
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  let id = 0
  const call = (method: string, params = {}) =>
    new Promise<Answer>((resolve) => {
      waiting.set(++id, resolve)
      socket.send(JSON.stringify({ id, method, params }))
    })

  return {
    /** In bytes, after a full garbage collection. */
    async memory() {
      await call('HeapProfiler.collectGarbage')
      const { result } = await call('Runtime.evaluate', { expression: 'JSON.stringify(process.memoryUsage())' })
      const { heapUsed, external, rss } = JSON.parse(result.result.value) as NodeJS.MemoryUsage
      return { heap: heapUsed, outside: external, resident: rss }
    },
    /** A profile of the main thread while `run` runs. */
    async profile(run: () => Promise<unknown>): Promise<Profile> {
      await call('Profiler.enable')
      await call('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US })
      await call('Profiler.start')
      await run()
      return (await call('Profiler.stop')).result.profile
    },
    close: () => socket.close(),
  }
}

const SAMPLE_EVERY_US = 500
