import { readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second. */
const TICK_MS = 10

export interface Usage {
  /** User and system, of the process and those that it has started. */
  cpuMs: number
  residentBytes: number
  /** Of those, what no other process shares: its heap and stacks. */
  ownBytes: number
}

/** What a process has used so far; null where it is gone or the system does not tell (it is read from Linux' /proc). */
export function usageOf(pid: number): Usage | null {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
    const cpuMs = [pid, ...children.map(Number)].reduce((sum, one) => sum + cpuTimeMs(one), 0)
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
    return { cpuMs, residentBytes: bytes('VmRSS'), ownBytes: bytes('RssAnon') }
  } catch {
    return null
  }
}

function cpuTimeMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th field behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}
