// Runs on threads of their own: argon2's long computations would otherwise take the four threads that sign tokens.
import { hashSync, verifySync } from '@node-rs/argon2'

/** argon2id with the parameters of OWASP's cheat sheet: 19 MiB, two passes, one lane. About 20 ms of a core. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export const hashPassword = (password: string): string => hashSync(password, PARAMETERS)

export const verifyPassword = ({ passwordHash, password }: { passwordHash: string; password: string }): boolean =>
  verifySync(passwordHash, password)
