import { createInflate } from 'node:zlib'
import type { Read } from '../remote/remote-document.ts'

/** The statuses of a list, as they are published: several in a byte, the first in its least significant bits. */
export interface PackedStatuses {
  readonly bitsPerStatus: BitsPerStatus
  readonly entries: number
  readonly chunks: readonly Uint8Array[]
}

export const BITS_PER_STATUS = [1, 2, 4, 8] as const
export type BitsPerStatus = (typeof BITS_PER_STATUS)[number]

/** As many as Heirloom's lists have: 2 MiB, once it is one bit for each. */
const MAX_ENTRIES = 2 ** 24

/**
 * Inflates the statuses of a list (Token Status List, section "Compressed Byte Array"; RFC 1950). A list of more than
 * `MAX_ENTRIES` is given up as soon as it exceeds them. Never rejects.
 */
export async function inflateStatuses(compressed: Buffer, bitsPerStatus: BitsPerStatus): Promise<Read<PackedStatuses>> {
  const maxBytes = (MAX_ENTRIES * bitsPerStatus) / 8
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Small chunks are freed with the young generation; one large one would wait for a full garbage collection. Each chunk is a
  // trip to a thread and back: 16 KiB would take three times the CPU.
  const inflate = createInflate({ chunkSize: 2 ** 16 })
  try {
    inflate.end(compressed)
    for await (const chunk of inflate as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > maxBytes) return { ok: false, reason: `more than ${MAX_ENTRIES} entries` }
      chunks.push(chunk)
    }
  } catch {
    return { ok: false, reason: 'the statuses are not zlib data' }
  }
  return { ok: true, content: { bitsPerStatus, entries: (bytes * 8) / bitsPerStatus, chunks } }
}

/**
 * Sets a bit for each entry whose status is not VALID (0), and clears none. INVALID (1), SUSPENDED (2) and all others refuse
 * a token alike, so a check needs no more than this bit.
 * @param notValid the bit of the first entry is the least significant one of the first byte.
 */
export function markNotValid({ bitsPerStatus, chunks }: PackedStatuses, notValid: Uint8Array): void {
  const perByte = 8 / bitsPerStatus
  const mask = 2 ** bitsPerStatus - 1
  let byteAt = 0
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at++, byteAt++) {
      const packed = chunk[at] ?? 0
      if (packed === 0) continue
      for (let nth = 0; nth < perByte; nth++) {
        if (((packed >>> (nth * bitsPerStatus)) & mask) === 0) continue
        const entry = byteAt * perByte + nth
        notValid[entry >>> 3] = (notValid[entry >>> 3] ?? 0) | (1 << (entry & 7))
      }
    }
  }
}
