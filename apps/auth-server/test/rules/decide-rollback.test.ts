import { expect, test } from 'vitest'
import { type RollbackVerdict, type Witnessed, decideRollback } from '../../src/rules/decide-rollback.ts'

const told = (newest: number, nonce: string | null): Witnessed => ({ newest, nonce })

const TABLE: [string, number, Witnessed | null, RollbackVerdict][] = [
  ['Redis was told this position', 7, told(7, 'a'), 'intact'],
  ['Redis is told it for the first time', 6, told(7, 'a'), 'intact'],
  ['Redis does not answer', 7, null, 'intact'],
  ['Redis does not answer, and this server knew of more', 8, null, 'lost'],
  ['this server knew of more', 8, told(8, null), 'lost'],
  ['Redis knows of more, maybe committed since', 7, told(8, 'a'), 'look_again'],
  ['Redis knows of so much more that it forgot the mark', 7, told(999, null), 'look_again'],
  ['Redis knows another mark of this position', 7, told(7, 'b'), 'lost'],
  ['Redis knows another mark, and more', 7, told(8, 'b'), 'lost'],
]

test.each(TABLE)('%s', (_, known, memory, verdict) => {
  expect(decideRollback({ position: 7, nonce: 'a' }, known, memory)).toBe(verdict)
})
