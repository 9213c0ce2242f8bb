import { setTimeout as sleep } from 'node:timers/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import { startChild, type Child } from './child.ts'
import { freePort, HOST } from './store.ts'

/** The realm of `npm start`: the REALM_FILE of an auth server that needs none of its own. */
export const EXAMPLE_REALM = fileURLToPath(new URL('../../../realm.example.yaml', import.meta.url))

/** What a service or a command gets from the environment of this process. */
export function surroundings(): NodeJS.ProcessEnv {
  const { PATH, TZ, NODE_COMPILE_CACHE } = process.env
  return { PATH, TZ, NODE_COMPILE_CACHE }
}

interface ServiceOptions {
  /** What Node runs: a folder of an app, or a file. */
  script: string
  /** Its whole environment, except for `surroundings`. Default of HOST: 127.0.0.1; of PORT: a free port. */
  env: NodeJS.ProcessEnv
  /** Called with each line of output, instead of keeping it in `output`. */
  onLine?: (line: string) => void
}

export interface Service extends Child {
  readonly url: string
  /** The lines that it has written so far to stdout and stderr. */
  readonly output: readonly string[]
  /** Waits until GET /readyz answers 200. Throws, with one line, if the service stops or does not get there. */
  ready(): Promise<void>
}

const READY_TIMEOUT_MS = 30_000
/** Lines that Node prints around the message of an uncaught error. */
const PARTS_OF_A_CRASH = /^$|^\s|^}|^Node\.js v/

/** Starts a service as its own process, with the same Node. */
export async function startService({ script, env, onLine }: ServiceOptions): Promise<Service> {
  const name = basename(script)
  const port = env['PORT'] ?? String(await freePort())
  const { child, process: spawned } = await startChild({
    command: process.execPath,
    args: [script],
    env: { ...surroundings(), HOST, ...env, PORT: port },
    stdio: ['ignore', 'pipe', 'pipe'],
    stopSignal: 'SIGTERM',
  })

  const output: string[] = []
  const take = onLine ?? ((line: string) => void output.push(line))
  let lastWords = ''
  for (const stream of [spawned.stdout, spawned.stderr]) {
    if (!stream) continue
    createInterface({ input: stream }).on('line', (line) => {
      if (!PARTS_OF_A_CRASH.test(line)) lastWords = line.replace(`${name}: `, '')
      take(line)
    })
  }

  const url = serviceUrl(env['HOST'], port)
  return {
    ...child,
    url,
    output,
    async ready() {
      let stopped = false
      void child.exited.then(() => (stopped = true))
      const deadline = Date.now() + READY_TIMEOUT_MS
      for (;;) {
        const obstacle = await whatIsMissing(url)
        if (obstacle === null) return
        if (stopped) throw new Error(`${name} did not come up: ${lastWords}`)
        if (Date.now() > deadline) throw new Error(`${name} was not ready in ${READY_TIMEOUT_MS / 1000} s: ${obstacle}`)
        await sleep(50)
      }
    },
  }
}

/** The URL at which this machine reaches a service that listens on `host`. */
export function serviceUrl(host: string | undefined, port: number | string): string {
  const everywhere = !host || host === '0.0.0.0' || host === '::'
  return `http://${everywhere ? HOST : host}:${port}`
}

/** Returns null if it is ready. */
async function whatIsMissing(url: string): Promise<string | null> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) })
    return response.ok ? null : `it answers ${response.status}: ${await response.text()}`
  } catch (error) {
    return `it does not answer: ${(error as Error).message}`
  }
}
