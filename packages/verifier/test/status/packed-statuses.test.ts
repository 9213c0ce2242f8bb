import { readFileSync } from 'node:fs'
import { StatusList } from '@sd-jwt/jwt-status-list'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BitsPerStatus, inflateStatuses, markNotValid } from '../../src/status/packed-statuses.ts'

/** Appendix "Test vectors for Status List encoding", and the two examples of the section "Compressed Byte Array". */
const vectors = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as {
  bits: BitsPerStatus
  entries: number
  lst: string
  statuses: Record<string, number>
}[]

async function read(lst: string, bits: BitsPerStatus) {
  const inflated = await inflateStatuses(Buffer.from(lst, 'base64url'), bits)
  if (!inflated.ok) throw new Error(inflated.reason)
  const { entries } = inflated.content
  const notValid = new Uint8Array(Math.ceil(entries / 8))
  markNotValid(inflated.content, notValid)
  return { entries, isValid: (index: number) => ((notValid[index >>> 3] ?? 0) & (1 << (index & 7))) === 0 }
}

describe('the vectors of the draft: every entry is read as it was written', () => {
  it.each(vectors)('$bits bits, $entries entries', async ({ bits, entries, lst, statuses }) => {
    const list = await read(lst, bits)
    expect(list.entries).toBe(entries)
    const wrong = []
    for (let index = 0; index < entries; index++) {
      if (list.isValid(index) !== !statuses[index]) wrong.push(index)
    }
    expect(wrong).toEqual([])
  })
})

it('agrees with another library on every status of its lists', async () => {
  const bits = fc.constantFrom<BitsPerStatus>(1, 2, 4, 8)
  const lists = bits.chain((bitsPerStatus) =>
    fc
      .array(fc.oneof(fc.constant(0), fc.nat(2 ** bitsPerStatus - 1)), { minLength: 1, maxLength: 3_000 })
      .map((statuses) => ({ bitsPerStatus, statuses })),
  )
  await fc.assert(
    fc.asyncProperty(lists, async ({ bitsPerStatus, statuses }) => {
      const theirs = new StatusList([...statuses], bitsPerStatus)
      const ours = await read(theirs.compressStatusList(), bitsPerStatus)
      expect(ours.entries).toBeGreaterThanOrEqual(statuses.length)
      expect(statuses.map((_status, index) => ours.isValid(index))).toEqual(
        statuses.map((_status, index) => theirs.getStatus(index) === 0),
      )
    }),
    { numRuns: 100 },
  )
})
