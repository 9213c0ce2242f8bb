import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface Child {
  readonly pid: number
  /** Settles when the process is gone and all of its output was read. Never rejects. */
  readonly exited: Promise<Exit>
  /** Asks the process to stop and waits until it is gone; after 30 s it is killed. */
  stop(): Promise<void>
  kill(signal: NodeJS.Signals): void
}

interface ChildOptions {
  command: string
  args: string[]
  /** Whom the process becomes, if it is not who runs this. */
  uid?: number
  gid?: number
  env?: NodeJS.ProcessEnv
  cwd?: string
  stdio: StdioOptions
  stopSignal: NodeJS.Signals
  /** How long it may take to stop; then it is killed. Default: 30 s. */
  stopTimeoutMs?: number
}

const STOP_TIMEOUT_MS = 30_000

/**
 * Starts a process that outlives a Ctrl-C at the terminal, so that its parent can stop things in order, but not its
 * parent.
 */
export async function startChild(options: ChildOptions): Promise<{ child: Child; process: ChildProcess }> {
  const { command, args, stopSignal, stopTimeoutMs = STOP_TIMEOUT_MS, ...how } = options
  // A process group of its own: the terminal sends SIGINT to the foreground group only.
  const process = spawn(command, args, { ...how, detached: true })
  const { pid } = process
  if (pid !== undefined) guard(process, pid, stopSignal, stopTimeoutMs)
  await once(process, 'spawn')

  const exited = new Promise<Exit>((resolve) => {
    process.once('close', (code, signal) => resolve({ code, signal }))
  })

  return {
    process,
    child: {
      pid: pid as number,
      exited,
      kill: (signal) => void process.kill(signal),
      async stop() {
        if (process.exitCode !== null || process.signalCode !== null) return
        process.kill(stopSignal)
        process.kill('SIGCONT') // a suspended process would never see the signal
        const timer = setTimeout(() => process.kill('SIGKILL'), stopTimeoutMs)
        await exited
        clearTimeout(timer)
      },
    },
  }
}

/**
 * A shell that waits for the end of a pipe which only this process holds open. When this process dies in a way that
 * it cannot handle (SIGKILL), the pipe ends and the shell stops the child as `stop` does: it asks, waits, and kills. A Node
 * that hangs at its exit sees no signal any more (https://github.com/nodejs/node/issues/54918).
 */
function guard(child: ChildProcess, pid: number, stopSignal: NodeJS.Signals, stopTimeoutMs: number): void {
  // One that is suspended sees the signal when it is woken.
  const script = `
    read -r _
    kill -${stopSignal.slice('SIG'.length)} ${pid}; kill -CONT ${pid}
    seconds=${Math.ceil(stopTimeoutMs / 1000)}
    while kill -0 ${pid}; do
      [ $seconds -gt 0 ] || exec kill -KILL ${pid}
      seconds=$((seconds - 1)); sleep 1
    done`
  const shell = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  shell.unref()
  child.once('exit', () => shell.kill('SIGKILL'))
}
