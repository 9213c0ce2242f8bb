import type { Fault } from './fault.ts'
import { LAYOUT_FAULTS } from './layouts.ts'
import { NETWORK_FAULTS } from './network.ts'
import { POSTGRES_FAULTS } from './postgres.ts'
import { REDIS_FAULTS } from './redis.ts'
import { SERVER_FAULTS } from './servers.ts'
import { STORE_CLOCK_FAULTS } from './store-clocks.ts'
import { TWO_FAULTS } from './two-at-once.ts'

export const FAULTS: readonly Fault[] = [
  ...REDIS_FAULTS,
  ...LAYOUT_FAULTS,
  ...POSTGRES_FAULTS,
  ...SERVER_FAULTS,
  ...STORE_CLOCK_FAULTS,
  ...NETWORK_FAULTS,
  ...TWO_FAULTS,
]
