import { deflateSync } from 'node:zlib'
import { StatusList } from '@sd-jwt/jwt-status-list'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RevokedIndexes, entryOf, lengthOf, uriOf } from '../../src/rules/status-list.ts'

const LIST = 2 ** 24
const STEP = 2 ** 20

describe('an entry', () => {
  test.each([
    [0, 0, 0],
    [LIST - 1, 0, LIST - 1],
    [LIST, 1, 0],
    [2 ** 52 + 5, 2 ** 28, 5],
  ])('of index %i is in list %i at %i', (index, list, idx) => {
    expect(entryOf(index)).toEqual({ list, idx })
  })

  test('the address of a list is below the issuer, which may have a path', () => {
    expect(uriOf('https://a.example/b', 7)).toBe('https://a.example/b/status/7')
  })
})

describe('the length of a list', () => {
  test.each([
    ['of an empty installation', 0, 0, STEP],
    ['does not change with a login', 0, 1, STEP],
    ['grows long before the last index is given', 0, STEP / 2, STEP],
    ['likewise, by one step', 0, STEP / 2 + 1, 2 * STEP],
    ['ends at 2^24', 0, LIST, LIST],
    ['stays there', 0, 5 * LIST, LIST],
    ['of the next list is none while that is far away', 1, LIST - STEP / 2, 0],
    ['of the next list is there before its first index is given', 1, LIST - STEP / 2 + 1, STEP],
    ['of a list after that is none', 2, LIST, 0],
  ])('%s', (_what, list, given, length) => {
    expect(lengthOf(list, given)).toBe(length)
  })

  test('has the index of every session that logs in while a copy is up to 500,000 logins old', () => {
    fc.assert(
      fc.property(fc.nat(3 * LIST), fc.nat(500_000), (given, later) => {
        const { list, idx } = entryOf(given + later)
        expect(idx).toBeLessThan(lengthOf(list, given))
      }),
    )
  })
})

/** All revoked at the same time. */
function toBits(positions: readonly number[], length: number): Uint8Array {
  const known = new RevokedIndexes()
  for (const idx of positions) known.add(idx, 0)
  return known.bitsOf(0, length)
}

describe('the bits', () => {
  test('stand as in the example of the draft, section 4.1', () => {
    const values = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    const positions = values.flatMap((value, idx) => (value === 1 ? [idx] : []))
    expect([...toBits(positions, 32)]).toEqual([0xb9, 0xa3, 0, 0])
  })

  test('a reader of others finds the same in 1,000 lists of ours, bit for bit', () => {
    const someList = fc
      .integer({ min: 1, max: 16 })
      .chain((words) =>
        fc.record({ length: fc.constant(words * 32), positions: fc.uniqueArray(fc.nat(words * 32 - 1)) }),
      )
    fc.assert(
      fc.property(someList, ({ length, positions }) => {
        const lst = deflateSync(toBits(positions, length), { level: 6 }).toString('base64url')
        const read = StatusList.decompressStatusList(lst, 1)
        const statuses = Array.from({ length }, (_, idx) => read.getStatus(idx))
        expect(statuses).toEqual(Array.from({ length }, (_, idx) => (positions.includes(idx) ? 1 : 0)))
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('what a server knows', () => {
  const LENGTH = 256
  const isSet = (known: RevokedIndexes, index: number) => {
    const { list, idx } = entryOf(index)
    return (((known.bitsOf(list, LENGTH)[idx >>> 3] ?? 0) >>> (idx & 7)) & 1) === 1
  }

  test('is the same in whatever order and however often it hears of it', () => {
    const someEntry = fc.tuple(
      fc.oneof(fc.nat(LENGTH - 1), fc.integer({ min: LIST, max: LIST + 3 })),
      fc.nat(1_000_000),
    )
    const someHistory = fc
      .array(someEntry)
      .chain((heard) =>
        fc.tuple(
          fc.constant(heard),
          fc.shuffledSubarray(heard, { minLength: heard.length }),
          fc.subarray(heard),
          fc.nat(1_000_000),
        ),
      )
    fc.assert(
      fc.property(someHistory, ([heard, otherwise, again, before]) => {
        const [one, other] = [new RevokedIndexes(), new RevokedIndexes()]
        for (const [index, at] of heard) one.add(index, at)
        for (const [index, at] of [...otherwise, ...again]) other.add(index, at)
        for (const known of [one, other]) known.drop(before)
        for (const list of [0, 1]) expect(one.bitsOf(list, LENGTH)).toEqual(other.bitsOf(list, LENGTH))
        for (const [index, at] of heard) if (at >= before) expect(isSet(one, index)).toBe(true)
      }),
    )
  })

  test('is kept for its time, and two minutes longer at most', () => {
    const known = new RevokedIndexes()
    known.add(3, 100_000)
    known.drop(100_000)
    expect(isSet(known, 3)).toBe(true)
    known.drop(100_000 + 120_000)
    expect(isSet(known, 3)).toBe(false)
  })

  test('is counted, and what is new for each list by itself', () => {
    const known = new RevokedIndexes()
    known.add(3, 10)
    known.add(3, 1_000_000)
    known.add(LIST - 1, 10)
    known.add(LIST + 3, 10)
    expect([known.additionsTo(0), known.additionsTo(1), known.count()]).toEqual([2, 1, 3])
    known.drop(500_000)
    expect([known.additionsTo(0), known.additionsTo(1), known.count()]).toEqual([2, 1, 1])
    known.add(LIST + 3, 1_000_000)
    expect(known.additionsTo(1)).toBe(2)
  })
})
