import { expect, it } from 'vitest'
import { type Sample, Tally } from '../src/engine/tally.ts'
import { Recorder, type Second, at } from '../src/measure/recorder.ts'
import { totalsOf } from '../src/measure/totals.ts'
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
    { server: 'b:2', serviceMs: 10, responseMs: 500, outcome: 'mended' },
    { status: 0, outcome: 'failed' },
    { operation: 'refresh', outcome: 'later', status: 503, serviceMs: 7 },
    { operation: 'refresh', serviceMs: 5 },
    { operation: 'attack', status: 401 },
  ])
  expect(totalsOf(measured)).toMatchObject({ calls: 100, authCalls: 2, mended: 1, failed: 1, errorRate: 1 / 103 })
  expect(measured.oddAnswers).toEqual({ 'call without an answer': 1, 'refresh 503': 1 })
  expect(measured.servers).toMatchObject({ 'a:1': { calls: 99, failed: 1 }, 'b:2': { calls: 1, failed: 0 } })
  expect(measured.operations.refresh).toMatchObject({ count: 2 })
})

it('latencies are told from when a call was due and from when it was sent', () => {
  const { response, service } = recorded([{}, {}, { serviceMs: 4, responseMs: 900 }])
  expect(at(response, 50)).toBeCloseTo(2, 1)
  expect(at(response, 100)).toBeCloseTo(900, -1)
  expect(at(service, 100)).toBeCloseTo(4, 1)
})

it('a limit that is broken is told in a sentence, and so is a promise', () => {
  const good = recorded([{}, {}])
  expect(brokenLimits(good, { maxErrorRate: 0, maxP99: 2.5 })).toEqual([])
  expect(brokenLimits(good, { maxP99: 1 })).toEqual([
    'One call in a hundred took longer than 2.0 ms; the limit was 1 ms.',
  ])
  expect(brokenLimits(recorded([{}, { outcome: 'failed', status: 500 }]), { maxErrorRate: 0.001 })).toEqual([
    '50 % of the requests failed; the limit was 0.1 %.',
  ])
  expect(brokenLimits(recorded([{ outcome: 'false_refusal', status: 401 }]), {})).toHaveLength(1)
  expect(brokenLimits(recorded([{}, { operation: 'attack', outcome: 'breach' }]), {})).toHaveLength(1)
  expect(brokenLimits(good, { storeConnections: 1 })).toHaveLength(1)
  expect(brokenLimits(recorded([]), {})).toEqual(['Nothing was measured: no call was made.'])
})

it('an engine that limits the load says so', () => {
  expect(engineBottleneck(recorded([{}]))).toBeNull()
  expect(engineBottleneck({ ...recorded([{}]), engine: { busy: 0.95, latenessP99: 0 } })).toContain('95 %')
  expect(engineBottleneck(recorded([{}], [50, 50]))).toContain('late')
})
