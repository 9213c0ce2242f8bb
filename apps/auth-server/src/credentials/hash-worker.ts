// Runs on its own threads. Otherwise hashing would occupy the four threads that sign tokens, and a search of the lists of
// common passwords would block the event loop.
import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common'
import { readHash } from './hashes/read-hash.ts'
import { normalizePassword } from './password-policy.ts'

export { hashPassword } from './hashes/argon2.ts'

/** Returns null for a hash that cannot be read. */
export function verifyPassword({ passwordHash, password }: { passwordHash: string; password: string }): boolean | null {
  const read = readHash(passwordHash)
  if ('fault' in read) return null
  try {
    // Other systems hash a password as it was typed.
    return [...new Set([normalizePassword(password), password])].some((text) => read.matches(text))
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
