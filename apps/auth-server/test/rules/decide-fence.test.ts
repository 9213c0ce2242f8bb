import { expect, test } from 'vitest'
import { type SharedFence, type RedisEpoch, type FenceVerdict, decideFence } from '../../src/rules/decide-fence.ts'

const LAST: RedisEpoch = { epoch: 7, runId: 'r1' }
const shared = (changes: Partial<SharedFence> = {}): SharedFence => ({
  epoch: 7,
  runId: 'r1',
  suspended: 'never',
  ...changes,
})

const TABLE: [string, SharedFence | null, string | null, RedisEpoch | null, FenceVerdict['kind']][] = [
  ['both stores answer', shared(), 'r1', LAST, 'enable'],
  ['the first poll of a server', shared(), 'r1', null, 'enable'],
  ['Redis does not answer', shared(), null, LAST, 'disable'],
  ['Redis does not answer, and this server never reached it', shared(), null, null, 'disable'],
  ['Redis does not answer, and no server has ever used it', shared({ runId: '' }), null, null, 'disable'],
  ['neither store answers', null, null, LAST, 'disable'],
  ['Postgres does not answer', null, 'r1', LAST, 'enable'],
  ['Postgres does not answer, and Redis is another process', null, 'r2', LAST, 'disable'],
  ['Postgres does not answer, and this server did not use Redis', null, 'r1', null, 'disable'],
  ['another server works without Redis', shared({ suspended: 'now' }), 'r1', LAST, 'disable'],
  [
    'another server worked without Redis until a moment ago',
    shared({ suspended: 'before' }),
    'r1',
    null,
    'begin_epoch',
  ],
  ['Redis was restarted', shared(), 'r2', LAST, 'begin_epoch'],
  ['Redis is another process, and a server works without it', shared({ suspended: 'now' }), 'r2', LAST, 'disable'],
]

test.each(TABLE)('%s', (_, row, runId, last, kind) => {
  expect(decideFence(row, runId, last, false).kind).toBe(kind)
})

test('a server that writes past Redis disables it for the others, if any server uses it', () => {
  expect(decideFence(shared(), null, null, true).kind).toBe('disable_for_all')
  expect(decideFence(shared({ runId: '' }), null, null, true).kind).toBe('disable')
  expect(decideFence(null, null, null, true).kind).toBe('disable')
})
