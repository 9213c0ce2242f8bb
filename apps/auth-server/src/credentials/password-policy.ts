/** NIST SP 800-63B-4, section 3.1.1.2: length and a check for what is commonly guessed, no rules of composition. */
export interface PasswordPolicy {
  /** Characters, counted as Unicode code points. */
  minLength: number
}

const MAX_PASSWORD_BYTES = 1024

/** Fewer guesses than this find it: that is what a throttled attacker can try. */
const FEWEST_GUESSES = 1e6

/** What was typed on different keyboards is the same password (NFKC, as the same section has it). */
export const normalizePassword = (password: string) => password.normalize('NFKC')

/** What nobody sees, and nobody typed on purpose: it counts for nothing. Spaces between words count. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800]/gu

const countSeen = (text: string) => Array.from(text.replace(UNSEEN, '').trim()).length

/**
 * Null if the password is good, else what is wrong with it, for its user. `guesses` says how many find it, about.
 *
 * For passwords that are set only: a login compares whatever it is given.
 */
export async function faultOfPassword(
  password: string,
  policy: PasswordPolicy,
  guesses: (password: string) => Promise<number>,
): Promise<string | null> {
  const normalized = normalizePassword(password)
  // One character may become eighteen, and four may become one: what counts is the smaller number.
  if (Math.min(countSeen(password), countSeen(normalized)) < policy.minLength)
    return `The password needs at least ${policy.minLength} characters that can be seen.`
  if (Buffer.byteLength(normalized) > MAX_PASSWORD_BYTES)
    return `The password has more than ${MAX_PASSWORD_BYTES} bytes.`
  return (await guesses(normalized)) < FEWEST_GUESSES
    ? 'The password is among the first that are guessed: common, repeated or taken from the name.'
    : null
}
