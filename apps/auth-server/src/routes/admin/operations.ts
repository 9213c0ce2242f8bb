import type { Operation } from './operation.ts'
import { userOperations } from './users.ts'

/** All operations, in the order of the reference. */
export const OPERATIONS: readonly Operation[] = [userOperations].flatMap((some) => Object.values(some))
