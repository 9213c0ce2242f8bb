import { expect, test } from 'vitest'
import { batch } from '../../src/postgres/batch.ts'

/** Records what goes into each statement, and ends it when told. */
function statements() {
  const groups: string[][] = []
  const ends: PromiseWithResolvers<void>[] = []
  const ask = batch(async (items: string[]) => {
    groups.push(items)
    const end = Promise.withResolvers<void>()
    ends.push(end)
    await end.promise
    return items.map((item) => item.toUpperCase())
  })
  const underWay = async (count: number) => {
    await expect.poll(() => ends.length).toBe(count)
  }
  return { groups, ends, ask, underWay }
}

test('what is asked while a statement is under way goes into the next one, each with its own answer', async () => {
  const { groups, ends, ask, underWay } = statements()
  const first = ask('a')
  await underWay(1)
  const others = [ask('b'), ask('c'), ask('b')]
  ends[0]?.resolve()
  expect(await first).toBe('A')
  await underWay(2)
  ends[1]?.resolve()
  expect(await Promise.all(others)).toEqual(['B', 'C', 'B'])
  expect(groups).toEqual([['a'], ['b', 'c', 'b']])
})

test('a statement that hangs does not keep the next one from leaving', async () => {
  const { ends, ask, underWay } = statements()
  const hanging = ask('a')
  await underWay(1)
  const next = ask('b')
  await underWay(2)
  ends[1]?.resolve()
  expect(await next).toBe('B')
  ends[0]?.resolve()
  await hanging
})

test('a statement that fails fails for each of its items, and for no other', async () => {
  const { ends, ask, underWay } = statements()
  const failing = [ask('a'), ask('b')]
  await underWay(1)
  const next = ask('c')
  ends[0]?.reject(new Error('gone'))
  expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await underWay(2)
  ends[1]?.resolve()
  expect(await next).toBe('C')
})
