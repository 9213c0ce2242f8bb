import { deflateSync } from 'node:zlib'
import { StatusList } from '@sd-jwt/jwt-status-list'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RevokedIndexes, entryOf, lengthOf, toBits, uriOf } from '../../src/rules/status-list.ts'

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

describe('the bits', () => {
  test('stand as in the example of the draft, section 4.1', () => {
    const values = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    const positions = values.flatMap((value, idx) => (value === 1 ? [idx] : []))
    expect([...toBits(positions, 16)]).toEqual([0xb9, 0xa3])
  })

  test('a reader of others finds the same in 1,000 lists of ours, bit for bit', () => {
    const someList = fc
      .integer({ min: 1, max: 64 })
      .chain((bytes) => fc.record({ length: fc.constant(bytes * 8), positions: fc.uniqueArray(fc.nat(bytes * 8 - 1)) }))
    fc.assert(
      fc.property(someList, ({ length, positions }) => {
        const lst = deflateSync(toBits(positions, length), { level: 6 }).toString('base64url')
        const read = StatusList.decompressStatusList(lst, 1)
        for (let idx = 0; idx < length; idx++) expect(read.getStatus(idx)).toBe(positions.includes(idx) ? 1 : 0)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('what a server knows', () => {
  test('is the same in whatever order and however often it hears of it', () => {
    const someEntry = fc.tuple(fc.nat(3 * LIST), fc.nat(1_000))
    const shuffled = fc
      .array(someEntry)
      .chain((heard) =>
        fc.tuple(
          fc.constant(heard),
          fc.shuffledSubarray(heard, { minLength: heard.length }),
          fc.subarray(heard),
          fc.nat(1_000),
        ),
      )
    fc.assert(
      fc.property(shuffled, ([heard, otherwise, again, before]) => {
        const [one, other] = [new RevokedIndexes(), new RevokedIndexes()]
        for (const [index, at] of heard) one.add(index, at)
        for (const [index, at] of [...otherwise, ...again]) other.add(index, at)
        for (const known of [one, other]) known.drop(before)
        for (const list of [0, 1, 2, 3])
          expect([...one.positionsIn(list)].toSorted()).toEqual([...other.positionsIn(list)].toSorted())
      }),
    )
  })

  test('counts what is new, for each list by itself, and nothing else', () => {
    const known = new RevokedIndexes()
    known.add(3, 10)
    known.add(3, 20)
    known.add(LIST + 3, 10)
    known.drop(15)
    expect([known.additionsTo(0), known.additionsTo(1), known.size]).toEqual([1, 1, 1])
    known.add(LIST + 3, 20)
    expect(known.additionsTo(1)).toBe(2)
  })
})
