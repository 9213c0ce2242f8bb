// Runs on threads of its own: argon2 would otherwise take the four threads that sign tokens, and a look through the lists
// of common passwords the event loop.
import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common'
import { hashSync, verifySync } from '@node-rs/argon2'

/** argon2id with the parameters of OWASP's cheat sheet: 19 MiB, two passes, one lane. About 20 ms of a core. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export const hashPassword = (password: string): string => hashSync(password, PARAMETERS)

/** Null if it is no hash of argon2, such as one that was brought along from elsewhere. */
export function verifyPassword({ passwordHash, password }: { passwordHash: string; password: string }): boolean | null {
  try {
    return verifySync(passwordHash, password)
  } catch {
    return null
  }
}

/** What is longer than this passes by its length; the time that a look takes grows with the square. */
const LOOKED_AT = 64

let guesser: ZxcvbnFactory | undefined

/** The word lists take 30 MB: unpacked when the first password is set. `context` has words that are easy to guess here. */
export function countGuesses({ password, context }: { password: string; context: string[] }): number {
  guesser ??= new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs })
  return guesser.check(password.slice(0, LOOKED_AT), context).guesses
}
