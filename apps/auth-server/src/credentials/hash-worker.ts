// Runs on its own threads. Otherwise argon2 would occupy the four threads that sign tokens, and a search of the lists of
// common passwords would block the event loop.
import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common'
import { hashSync, verifySync } from '@node-rs/argon2'

/** argon2id with the parameters of OWASP's cheat sheet: 19 MiB, two passes, one lane. About 20 ms of a core. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export const hashPassword = (password: string): string => hashSync(password, PARAMETERS)

/** Returns null for a hash that is not argon2's, such as one that was imported. */
export function verifyPassword({ passwordHash, password }: { passwordHash: string; password: string }): boolean | null {
  try {
    return verifySync(passwordHash, password)
  } catch {
    return null
  }
}

/** Characters that are checked: the time grows with the square, and a longer password is good enough by its length. */
const CHECKED_LENGTH = 64

let guesser: ZxcvbnFactory | undefined

/** The word lists take 30 MB, so they are loaded when the first password is set. `context` has words that are easy to guess. */
export function countGuesses({ password, context }: { password: string; context: string[] }): number {
  guesser ??= new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs })
  return guesser.check(password.slice(0, CHECKED_LENGTH), context).guesses
}
