import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface Child {
  readonly pid: number
  /** Resolves when the process has ended and all of its output was read. Never rejects. */
  readonly exited: Promise<Exit>
  /** Stops the process and waits until it has ended. After 30 s it is killed. */
  stop(): Promise<void>
  kill(signal: NodeJS.Signals): void
}

interface ChildOptions {
  command: string
  args: string[]
  /** The user that the process runs as. Default: the current one. */
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
 * Starts a process that survives a Ctrl-C at the terminal, so that its parent can stop processes in order. It does not survive
 * its parent.
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
        process.kill('SIGCONT') // a suspended process does not handle signals
        const timer = setTimeout(() => process.kill('SIGKILL'), stopTimeoutMs)
        await exited
        clearTimeout(timer)
      },
    },
  }
}

/**
 * Starts a shell that waits on a pipe, which only this process holds open. When this process is killed, the pipe ends and
 * the shell stops the child as `stop` does: it asks, waits, and kills. A Node process that hangs at its exit no longer
 * handles signals (https://github.com/nodejs/node/issues/54918).
 */
function guard(child: ChildProcess, pid: number, stopSignal: NodeJS.Signals, stopTimeoutMs: number): void {
  // A suspended child handles the signal after SIGCONT.
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
