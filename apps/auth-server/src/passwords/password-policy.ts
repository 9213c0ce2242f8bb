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

/** Null where the password is good, else what is wrong with it, for its user. `guesses` says how many find it, about. */
export async function faultOfPassword(
  password: string,
  policy: PasswordPolicy,
  guesses: (password: string) => Promise<number>,
): Promise<string | null> {
  if (Array.from(password).length < policy.minLength)
    return `The password needs at least ${policy.minLength} characters.`
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) return `The password has more than ${MAX_PASSWORD_BYTES} bytes.`
  return (await guesses(password)) < FEWEST_GUESSES
    ? 'The password is among the first that are guessed: common, repeated or taken from the name.'
    : null
}
