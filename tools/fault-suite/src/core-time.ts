import { readFileSync, readdirSync } from 'node:fs'

/** Linux counts in hundredths of a second. */
const TICK_MS = 10

/**
 * What this machine's cores had left for this process and all that it started: what these took, those that ended too, and
 * what nobody took. Milliseconds since some moment. What the children of a killed child took is lost: see its
 * end before you ask.
 */
export function coreTimeMs(): number {
  // "cpu user nice system idle iowait ..."
  const [idle, waiting] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/ +/).slice(4).map(Number) ?? []
  return ((idle ?? 0) + (waiting ?? 0)) * TICK_MS + ownTimeMs()
}

function ownTimeMs(): number {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(read)
  const children = Map.groupBy(all, ({ parent }) => parent)
  const treeMs = ({ pid, ms }: { pid: number; ms: number }): number =>
    (children.get(pid) ?? []).reduce((sum, child) => sum + treeMs(child), ms)
  return all.filter(({ pid }) => pid === process.pid).reduce((sum, own) => sum + treeMs(own), 0)
}

/** Its own time, and that of the children that it waited for. None where it has just ended. */
function read(pid: string): { pid: number; parent: number; ms: number }[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, in parentheses, may hold anything.
    const [, parent, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ms = fields.slice(9, 13).reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0)
    return [{ pid: Number(pid), parent: Number(parent), ms }]
  } catch {
    return []
  }
}
