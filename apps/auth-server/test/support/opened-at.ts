import { EMPTY_STATE, type Family } from '../../src/rules/family.ts'
import type { Opening } from '../../src/stores/family-store.ts'

/** The session that a store opens at a time, in milliseconds. */
export const openedAt = (now: number, { grant, lifetimeMs }: Opening): Family => ({
  ...EMPTY_STATE,
  ...grant,
  createdAt: now,
  expiresAt: now + lifetimeMs,
  statusIndex: 7,
  redeemedAt: now,
})
