import { generateKeyPairSync, sign } from 'node:crypto'
import { deflateSync, gzipSync, inflateSync } from 'node:zlib'
import { RevokedIndexes, entryOf, lengthOf } from '@heirloom/auth-server/internals/rules/status-list'
import { median } from '../statistics.ts'

/** How long a revocation is listed with the default lifetime of access tokens. */
export const WINDOW_SECONDS = 970

/** Builds lists in this process, and prints their sizes and their cost. */
export function sizes(rate: number): void {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const table = [1_000_000, 10_000_000, 30_000_000].map((given) => {
    const revoked = new RevokedIndexes()
    for (let i = 0; i < rate * WINDOW_SECONDS; i++) revoked.add(Math.floor(Math.random() * given), (i * 1000) / rate)
    const lists = entryOf(given - 1).list + 1
    let [bytes, wireBytes, compressedBytes, cpuMs, inflateMs] = [0, 0, 0, 0, 0]
    for (let list = 0; list < lists; list++) {
      const build = () => {
        const compressed = deflateSync(revoked.bitsOf(list, lengthOf(list, given)), { level: 6 })
        const body = JSON.stringify({ status_list: { bits: 1, lst: compressed.toString('base64url') } })
        const input = `${'h'.repeat(100)}.${Buffer.from(body).toString('base64url')}`
        const jwt = `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
        return { compressed, jwt, gzipped: gzipSync(jwt, { level: 1 }) }
      }
      const { compressed, jwt, gzipped } = build()
      bytes += jwt.length
      wireBytes += gzipped.length
      compressedBytes += compressed.length
      cpuMs += cpuMsOf(build)
      inflateMs += cpuMsOf(() => inflateSync(compressed))
    }
    return {
      sessions: given.toLocaleString('en'),
      revoked: revoked.count().toLocaleString('en'),
      lists,
      'compressed, kB': (compressedBytes / 1000).toFixed(1),
      'JWT, kB': (bytes / 1000).toFixed(1),
      'gzipped, kB': (wireBytes / 1000).toFixed(1),
      'build, sign, gzip: ms of CPU': cpuMs.toFixed(1),
      'inflate, ms of CPU': inflateMs.toFixed(1),
    }
  })
  console.log(`Lists with the revocations of ${WINDOW_SECONDS} s, ${rate} a second:`)
  console.table(table)
}

/** The median of several runs. */
function cpuMsOf(work: () => unknown): number {
  return median(
    Array.from({ length: 25 }, () => {
      const before = process.cpuUsage()
      work()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000
    }),
  )
}
