import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/** Columns of /proc/net/tcp. */
const [REMOTE, STATE, SOCKET] = [2, 3, 9]
const ESTABLISHED = '01'

/** The number of connections of each process to any of these ports. Null on a system without /proc. */
export function connectionsTo(ports: readonly number[], pids: readonly number[]): number[] | null {
  try {
    const wanted = new Set(ports)
    const rows = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'))
    const sockets = new Set(
      rows
        .map((row) => row.trim().split(/\s+/))
        .filter((row) => row[STATE] === ESTABLISHED && wanted.has(parseInt(row[REMOTE]?.split(':')[1] ?? '', 16)))
        .map((row) => `socket:[${row[SOCKET]}]`),
    )
    return pids.map((pid) => linksOf(pid).filter((link) => sockets.has(link)).length)
  } catch {
    return null
  }
}

/** The open files of a process. Empty if it has ended. */
function linksOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).map((name) => {
      try {
        return readlinkSync(`${folder}/${name}`)
      } catch {
        // Closed meanwhile.
        return ''
      }
    })
  } catch {
    return []
  }
}
