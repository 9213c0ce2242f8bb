import { readFileSync, readdirSync } from 'node:fs'

/** Linux counts in hundredths of a second. */
const TICK_MS = 10

/** CPU time that a process has used, user and system, in milliseconds. It survives a noisy machine, as wall time does not. */
export function cpuTimeMs(pid: number): number {
  const { own } = read(pid)
  return own
}

/** Of a process and its children, those that ended too: Postgres works in one process a connection. */
export function treeCpuTimeMs(pid: number): number {
  const { own, ended } = read(pid)
  return childrenOf(pid).reduce((sum, child) => sum + cpuTimeMs(child), own + ended)
}

const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

function read(pid: number): { own: number; ended: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may hold anything; behind it, utime and stime are the 12th and 13th field, and those of
  // the children that were waited for are the next two.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [utime, stime, ...children] = fields.slice(11, 15).map((ticks) => Number(ticks) * TICK_MS)
  return { own: (utime ?? 0) + (stime ?? 0), ended: children.reduce((sum, ms) => sum + ms, 0) }
}

/** The same of one process, in microseconds and as fine: what its threads have had of the cores, by the scheduler. */
export function schedulerTimeUs(pid: number): number {
  return [...threadTimesUs(pid).values()].reduce((sum, one) => sum + one, 0)
}

/** And of a process and its children; of those that ended only by the hundredths. */
export function treeSchedulerTimeUs(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + schedulerTimeUs(one), read(pid).ended * 1000)
}

/** By the names that the threads have; those of one name together. Threads that ended are not in it. */
export function threadTimesUs(pid: number): Map<string, number> {
  const times = new Map<string, number>()
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    const name = readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim()
    const nanoseconds = Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0])
    times.set(name, (times.get(name) ?? 0) + nanoseconds / 1000)
  }
  return times
}
