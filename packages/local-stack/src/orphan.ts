import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const STOP_TIMEOUT_MS = 30_000

/**
 * Stops a store that still runs on a folder because whoever started it was killed. The caller has made sure that
 * nobody else uses the folder. A process id may have been given to something else since, so the process must also
 * stand in the folder, as both stores do.
 */
export async function stopOrphan(name: string, pidFile: string, folder: string, signal: NodeJS.Signals): Promise<void> {
  const pid = readPid(pidFile)
  if (pid === null || !isAlive(pid)) return
  if (process.platform !== 'linux') {
    throw new Error(
      `${name} may still run on ${folder}: end process ${pid}, or remove ${pidFile} if it is another program`,
    )
  }
  const standing = realpathSync(folder)
  if (workingFolder(pid) !== standing) return

  process.kill(pid, signal)
  const deadline = Date.now() + STOP_TIMEOUT_MS
  // Nor is it alive if it only waits to be reaped: then it stands nowhere.
  while (workingFolder(pid) === standing) {
    if (Date.now() > deadline) throw new Error(`${name} still runs on ${folder} and does not stop: end process ${pid}`)
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
