import { describe, expect, it } from 'vitest'
import { simulateStatus } from '../src/fleet/simulate-status.ts'
import { TTL_SECONDS } from '../src/fleet/status-endpoint.ts'
import { STATUS_STORY } from '../src/fleet/status-story.ts'

const REPLICAS = 40

describe('a fleet that checks a status list', async () => {
  const { requests, noticedMs } = await simulateStatus(REPLICAS)
  const within = ({ from, to }: { from: number; to: number }) => [...requests.subarray(from, to)]
  const sum = (values: number[]) => values.reduce((total, one) => total + one, 0)

  it('asks once per replica and ttl, in a storm of logouts as well', () => {
    for (const span of [STATUS_STORY.steady, STATUS_STORY.storm]) {
      const perTtl = (sum(within(span)) / (span.to - span.from) / REPLICAS) * TTL_SECONDS
      expect(perTtl).toBeGreaterThan(0.95)
      expect(perTtl).toBeLessThanOrEqual(1.05)
    }
  })

  it('notices a logout at every replica within the ttl and a second', () => {
    expect(noticedMs).toHaveLength(REPLICAS)
    expect(Math.max(...noticedMs)).toBeLessThanOrEqual((TTL_SECONDS + 1) * 1000)
  })

  it('never asks three times as often, in an outage, after it, or when all replicas are replaced', () => {
    // So few replicas are no smooth crowd within a second.
    const perTtl = Array.from({ length: STATUS_STORY.end / TTL_SECONDS - 6 }, (_, i) =>
      sum(within({ from: 30 + i * TTL_SECONDS, to: 30 + (i + 1) * TTL_SECONDS })),
    )
    expect(Math.max(...perTtl)).toBeLessThan(3 * REPLICAS)
  })
})
