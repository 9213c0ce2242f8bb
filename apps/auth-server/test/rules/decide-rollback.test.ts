import { expect, test } from 'vitest'
import { type RollbackVerdict, type Witnessed, decideRollback } from '../../src/rules/decide-rollback.ts'

const witnessed = (newest: number, nonce: string | null): Witnessed => ({ newest, nonce })

const TABLE: [string, number, Witnessed | null, RollbackVerdict][] = [
  ['Redis has this position', 7, witnessed(7, 'a'), 'intact'],
  ['this position is new to Redis', 6, witnessed(7, 'a'), 'intact'],
  ['Redis does not answer', 7, null, 'intact'],
  ['Redis does not answer, and this server knew of more', 8, null, 'rolled_back'],
  ['this server knew of more', 8, witnessed(8, null), 'rolled_back'],
  ['Redis has a higher position, perhaps committed since', 7, witnessed(8, 'a'), 'read_again'],
  ['Redis has so many more positions that it forgot the nonce', 7, witnessed(999, null), 'read_again'],
  ['Redis has another nonce for this position', 7, witnessed(7, 'b'), 'rolled_back'],
  ['Redis has another nonce, and a higher position', 7, witnessed(8, 'b'), 'rolled_back'],
]

test.each(TABLE)('%s', (_, known, memory, verdict) => {
  expect(decideRollback({ position: 7, nonce: 'a' }, known, memory)).toBe(verdict)
})
