import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const STOP_TIMEOUT_MS = 30_000

/**
 * Stops a store that still runs on a folder because its parent was killed. The caller makes sure that nothing else uses the
 * folder. As process ids are reused, it also checks that the process has the folder as its working directory, as both stores
 * do.
 */
export async function stopOrphan(name: string, pidFile: string, folder: string, signal: NodeJS.Signals): Promise<void> {
  const pid = readPid(pidFile)
  if (pid === null || !isAlive(pid)) return
  if (process.platform !== 'linux') {
    throw new Error(
      `${name} may still run on ${folder}. End process ${pid}, or remove ${pidFile} if that is another program`,
    )
  }
  const standing = realpathSync(folder)
  if (workingFolder(pid) !== standing) return

  process.kill(pid, signal)
  const deadline = Date.now() + STOP_TIMEOUT_MS
  // A zombie has no working directory.
  while (workingFolder(pid) === standing) {
    if (Date.now() > deadline) throw new Error(`${name} still runs on ${folder} and does not stop. End process ${pid}`)
    await sleep(20)
  }
}

function readPid(pidFile: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
    return pid > 0 ? pid : null
  } catch {
    return null
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function workingFolder(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return null
  }
}
