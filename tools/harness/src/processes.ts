// What Linux reports in /proc about processes: https://man7.org/linux/man-pages/man5/proc.5.html
import { readFileSync, readdirSync } from 'node:fs'

/** Linux counts in hundredths of a second. */
const TICK_MS = 10

interface Stat {
  pid: number
  parent: number
  /** Milliseconds of CPU, user and system. */
  own: number
  /** The same of the children that have ended and were waited for. */
  ended: number
}

/** Null if the process has ended. */
function statOf(pid: number | string): Stat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, in parentheses, may hold anything. The fields behind it are state, ppid, ...
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15).map((ticks) => Number(ticks) * TICK_MS)
    return { pid: Number(pid), parent: Number(fields[1]), own: utime + stime, ended: cutime + cstime }
  } catch {
    return null
  }
}

/** A process, which comes first, and all that descend from it. Empty if it has ended. */
function treeOf(pid: number): Stat[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (statOf(name) ?? []) : []))
  const children = Map.groupBy(all, ({ parent }) => parent)
  const withChildren = (one: Stat): Stat[] => [one, ...(children.get(one.pid) ?? []).flatMap(withChildren)]
  return all.filter((one) => one.pid === pid).flatMap(withChildren)
}

/** The ids of a process, which comes first, and of all that descend from it. Empty if it has ended. */
export const processTree = (pid: number): number[] => treeOf(pid).map((one) => one.pid)

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0)

/** CPU time of a process, in milliseconds. Unlike wall time, it does not depend on how busy the machine is. */
export const cpuTimeMs = (pid: number): number => statOf(pid)?.own ?? 0

/** The same with all children, ended ones included: Postgres has a process per connection. */
export const treeCpuTimeMs = (pid: number): number => sum(treeOf(pid).map(({ own, ended }) => own + ended))

/**
 * The time that this machine's cores had for this process and all that it started: what these took, and the idle time.
 * Milliseconds since some moment. The time of a killed child's own children is lost: read after the child has ended.
 */
export function coreTimeMs(): number {
  // "cpu user nice system idle iowait ..."
  const [idle = 0, waiting = 0] =
    readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/ +/).slice(4).map(Number) ?? []
  return (idle + waiting) * TICK_MS + treeCpuTimeMs(process.pid)
}

/** CPU time of one process by the scheduler, in microseconds: finer than `cpuTimeMs`. */
export const schedulerTimeUs = (pid: number): number => sum(threadTimesUs(pid).values())

/** The same with all children. Those that have ended count in hundredths of a second. */
export const treeSchedulerTimeUs = (pid: number): number =>
  sum(treeOf(pid).map((one) => schedulerTimeUs(one.pid) + one.ended * 1000))

/** CPU time by the name of the thread, as a sum for threads of one name. Threads that have ended do not count. */
export function threadTimesUs(pid: number): Map<string, number> {
  const times = new Map<string, number>()
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    const name = readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim()
    const nanoseconds = Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0])
    times.set(name, (times.get(name) ?? 0) + nanoseconds / 1000)
  }
  return times
}

export interface Memory {
  residentBytes: number
  /** The largest resident size so far. */
  peakBytes: number
  /** The part of the resident size that no other process shares: heap and stacks. */
  ownBytes: number
}

/** @throws if the process has ended. */
export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
  return { residentBytes: bytes('VmRSS'), peakBytes: bytes('VmHWM'), ownBytes: bytes('RssAnon') }
}

export interface Usage extends Omit<Memory, 'peakBytes'> {
  /** Of the process and its children. */
  cpuMs: number
}

/** What a process has used so far. Null if it has ended, or on a system without /proc. */
export function usageOf(pid: number): Usage | null {
  try {
    const { residentBytes, ownBytes } = memoryOf(pid)
    return { cpuMs: treeCpuTimeMs(pid), residentBytes, ownBytes }
  } catch {
    return null
  }
}
