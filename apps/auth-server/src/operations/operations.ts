import { eventOperations, keyOperations } from './keys-and-events.ts'
import type { Operation } from './operation.ts'
import { clientOperations, resourceOperations, roleOperations } from './realm.ts'
import { sessionOperations } from './sessions.ts'
import { userOperations } from './users.ts'

/** All operations, in the order of the reference. */
export const OPERATIONS: readonly Operation[] = [
  userOperations,
  sessionOperations,
  clientOperations,
  resourceOperations,
  roleOperations,
  keyOperations,
  eventOperations,
].flatMap((some) => Object.values<Operation>(some))
