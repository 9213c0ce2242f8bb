import type { LineBudget } from '@heirloom/http-service'
import type { Logger } from 'pino'
import type { AuditEvents, KeptEvent } from '../stores/audit-events.ts'
import { type DoneBy, type RecordEvent, type SecurityEvent, repeatKey } from './security-event.ts'

interface RecorderParts {
  log: Pick<Logger, 'info' | 'warn'>
  /** Null logs every event. */
  budget: Pick<LineBudget, 'allows'> | null
  count: (event: SecurityEvent) => void
  events: Pick<AuditEvents, 'add'>
}

/** Returns the function that records a security event: in the log, in the metrics and in Postgres. */
export function eventRecorder({ log, budget, count, events }: RecorderParts): RecordEvent {
  return (event) => {
    if (!budget || budget.allows(kindOf(event)))
      log[ALARMING.has(event.type) ? 'warn' : 'info']({ event }, 'security event')
    count(event)
    // What was throttled was refused before it cost anything, so it takes no room in the table.
    if (!('reason' in event && event.reason === 'throttled')) events.add(toKept(event, Date.now()))
  }
}

const ALARMING = new Set<SecurityEvent['type']>([
  'reuse',
  'late_repeat',
  'gap',
  'account_rolled_back',
  'postgres_restored',
])

const kindOf = (event: SecurityEvent) => ('reason' in event ? `${event.type} ${event.reason}` : event.type)

function toKept(event: SecurityEvent & DoneBy, at: number): KeptEvent {
  const key = repeatKey(event, at)
  const { type, userId, sid, ...detail } = { userId: undefined, sid: undefined, ...event }
  return { at, type, ...(userId && { userId }), ...(sid && { sid }), detail, times: 1, ...(key && { repeatKey: key }) }
}
