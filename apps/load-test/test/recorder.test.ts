import { expect, it } from 'vitest'
import { type Sample, Tally } from '../src/engine/tally.ts'
import { Recorder, type Second, at } from '../src/measure/recorder.ts'
import { totalsOf } from '../src/measure/totals.ts'
import { anomalyLines } from '../src/view/anomaly-lines.ts'
import { brokenLimits, engineBottleneck } from '../src/measure/verdict.ts'

function recorded(samples: Partial<Sample>[], lateness: number[] = []) {
  const tally = new Tally()
  for (const sample of samples) {
    tally.add({
      operation: 'call',
      outcome: 'ok',
      status: 200,
      server: 'a:1',
      serviceMs: 1,
      responseMs: 2,
      ...sample,
    })
  }
  for (const ms of lateness) tally.begunLate(ms)
  const seconds: Second[] = []
  const recorder = new Recorder(1, (second) => seconds.push(second))
  recorder.add({ ...tally.take(), busy: 0.5 })
  return recorder.measured()
}

it('nothing is lost between an engine and the result', () => {
  const measured = recorded([
    ...Array.from({ length: 98 }, () => ({})),
    { server: 'b:2', serviceMs: 10, responseMs: 500, outcome: 'retried_ok' },
    { status: 0, outcome: 'failed' },
    { operation: 'refresh', outcome: 'deferred', status: 503, serviceMs: 7 },
    { operation: 'refresh', serviceMs: 5 },
    { operation: 'attack', status: 401 },
    { operation: 'theft', status: 400 },
    { operation: 'retry', outcome: 'wrong' },
  ])
  expect(totalsOf(measured)).toMatchObject({
    calls: 100,
    authCalls: 3,
    retriedOk: 1,
    failed: 1,
    wrong: 1,
    errorRate: 2 / 105,
  })
  expect(measured.non2xx).toEqual({ 'call without an answer': 1, 'refresh 503': 1 })
  expect(measured.servers).toMatchObject({ 'a:1': { calls: 99, failed: 1 }, 'b:2': { calls: 1, failed: 0 } })
  expect(measured.operations.refresh).toMatchObject({ count: 2 })
})

it('latencies count from the due time and from the send time', () => {
  const { response, service } = recorded([{}, {}, { serviceMs: 4, responseMs: 900 }])
  expect(at(response, 50)).toBeCloseTo(2, 1)
  expect(at(response, 100)).toBeCloseTo(900, -1)
  expect(at(service, 100)).toBeCloseTo(4, 1)
})

it('a broken limit or promise is reported in a sentence', () => {
  const good = recorded([{}, {}])
  expect(brokenLimits(good, { maxErrorRate: 0, maxP99: 2.5 })).toEqual([])
  expect(brokenLimits(good, { maxP99: 1 })).toEqual([
    'One call in a hundred took longer than 2.0 ms. The limit was 1 ms.',
  ])
  expect(brokenLimits(recorded([{}, { outcome: 'failed', status: 500 }]), { maxErrorRate: 0.001 })).toEqual([
    '50 % of the requests failed. The limit was 0.1 %.',
  ])
  expect(brokenLimits(recorded([{ outcome: 'false_refusal', status: 401 }]), {})).toHaveLength(1)
  expect(brokenLimits(recorded([{}, { operation: 'attack', outcome: 'breach' }]), {})).toHaveLength(1)
  expect(brokenLimits(good, { storeConnections: 1 })).toHaveLength(1)
  expect(brokenLimits(recorded([{}, { operation: 'theft', outcome: 'breach' }]), {})).toHaveLength(1)
  expect(brokenLimits(recorded([{}, { outcome: 'wrong' }]), {})).toEqual([
    "Answers that do not fit the service's contract: 1. Is the address right?",
  ])
  expect(brokenLimits(recorded([{ outcome: 'failed', status: 0 }]), {})).toEqual([
    'Calls that were answered: none of 1. Is the address right?',
  ])
  expect(brokenLimits(recorded([]), {})).toEqual(['Nothing was measured because no call was made.'])
})

it('an engine that limits the load says so', () => {
  expect(engineBottleneck(recorded([{}]))).toBeNull()
  expect(engineBottleneck({ ...recorded([{}]), engine: { busy: 0.95, latenessP99: 0 } })).toContain('95 %')
  expect(engineBottleneck(recorded([{}], [50, 50]))).toContain('late')
})

it('the first anomalies are reported with what led to them', () => {
  const tally = new Tally()
  const noon = Date.UTC(2026, 0, 1, 12)
  const sent = [
    { at: noon - 9_000, tab: 1, what: 'refresh 2' },
    { at: noon - 3, tab: 2, what: 'refresh 3', answer: { status: 400, code: 'invalid_grant', server: 'a:1', ms: 2.5 } },
  ]
  const securityEvents = [{ at: noon - 2, description: 'A refresh was refused: revoked.' }]
  for (let i = 0; i < 100; i++) {
    tally.anomaly({
      at: noon,
      operation: 'refresh',
      outcome: 'false_refusal',
      client: 7,
      sid: 's',
      sent,
      securityEvents,
    })
  }
  const recorder = new Recorder(1, () => {})
  recorder.add(tally.take())
  recorder.add(tally.take())
  const { anomalies } = recorder.measured()
  expect(anomalies).toHaveLength(20)
  expect(anomalies.slice(0, 1).flatMap(anomalyLines)).toEqual([
    '12:00:00.000 client 7: refresh was refused although the session was live',
    '  11:59:51.000 tab 1: refresh 2, not yet answered',
    '  11:59:59.997 tab 2: refresh 3, 400 invalid_grant after 2.5 ms from a:1',
    '  11:59:59.998 the auth server recorded: A refresh was refused: revoked.',
  ])
})
