/** NIST SP 800-63B-4, section 3.1.1.2: a length and a check against common guesses, but no rules of composition. */
export interface PasswordPolicy {
  /** Characters, counted as Unicode code points. */
  minLength: number
}

const MAX_PASSWORD_BYTES = 1024

/** A throttled attacker can try this many. A password must take more. */
const MIN_GUESSES = 1e6

/** The same password from different keyboards becomes the same text (NFKC, as the same section recommends). */
export const normalizePassword = (password: string) => password.normalize('NFKC')

/** Invisible characters, which nobody types on purpose. They do not count; spaces between words do. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800]/gu

const countVisible = (text: string) => Array.from(text.replace(INVISIBLE, '').trim()).length

/**
 * Returns null if the password is good, or what is wrong with it, as a sentence for its user. For new passwords only: a
 * login compares whatever it gets.
 * @param guesses returns about how many guesses find a password.
 */
export async function faultOfPassword(
  password: string,
  policy: PasswordPolicy,
  guesses: (password: string) => Promise<number>,
): Promise<string | null> {
  const normalized = normalizePassword(password)
  // Normalizing may turn one character into eighteen, or four into one. The smaller number counts.
  if (Math.min(countVisible(password), countVisible(normalized)) < policy.minLength)
    return `The password must have at least ${policy.minLength} visible characters.`
  if (Buffer.byteLength(normalized) > MAX_PASSWORD_BYTES)
    return `The password must have at most ${MAX_PASSWORD_BYTES} bytes.`
  return (await guesses(normalized)) < MIN_GUESSES
    ? 'The password is too easy to guess: it is common, repetitive, or similar to the username.'
    : null
}
