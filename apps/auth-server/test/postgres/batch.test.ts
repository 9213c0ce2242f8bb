import { expect, test } from 'vitest'
import { batch } from '../../src/postgres/batch.ts'

/** Records the items of each statement; the test ends it. */
function statements() {
  const groups: string[][] = []
  const ends: PromiseWithResolvers<void>[] = []
  const call = batch(async (items: string[]) => {
    groups.push(items)
    const end = Promise.withResolvers<void>()
    ends.push(end)
    await end.promise
    return items.map((item) => item.toUpperCase())
  })
  const underWay = async (count: number) => {
    await expect.poll(() => ends.length).toBe(count)
  }
  return { groups, ends, call, underWay }
}

test('calls during a statement go into the next one, and each gets its own answer', async () => {
  const { groups, ends, call, underWay } = statements()
  const first = call('a')
  await underWay(1)
  const others = [call('b'), call('c'), call('b')]
  ends[0]?.resolve()
  expect(await first).toBe('A')
  await underWay(2)
  ends[1]?.resolve()
  expect(await Promise.all(others)).toEqual(['B', 'C', 'B'])
  expect(groups).toEqual([['a'], ['b', 'c', 'b']])
})

test('a hanging statement does not delay the next one for long', async () => {
  const { ends, call, underWay } = statements()
  const hanging = call('a')
  await underWay(1)
  const next = call('b')
  await underWay(2)
  ends[1]?.resolve()
  expect(await next).toBe('B')
  ends[0]?.resolve()
  await hanging
})

test('a failed statement fails for each of its items, and for no other', async () => {
  const { ends, call, underWay } = statements()
  const failing = [call('a'), call('b')]
  await underWay(1)
  const next = call('c')
  ends[0]?.reject(new Error('gone'))
  expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await underWay(2)
  ends[1]?.resolve()
  expect(await next).toBe('C')
})
