/**
 * Letters and digits of any script, and common punctuation. No spaces, control characters, bidi marks or other invisible
 * characters, and no combining mark at the beginning.
 */
const ALLOWED = /^(?!\p{M})(?!.*\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}._@+-]{1,64}$/u

/** Full case folding keeps it: it is a letter of its own, not an i. */
const DOTLESS_I = 'ı'

/**
 * Two usernames with the same key are the same: NFKC and full case folding. Null if the text is not a valid username. The
 * UsernameCaseMapped profile (RFC 8265, section 3.3) uses lower case, in which ΟΔΟΣ and οδοσ differ in their last letter.
 */
export const usernameKey = (username: string): string | null => keyOf(username, foldCase)

/** The key before case folding was introduced. Rows whose new key was already taken still have it. */
export const earlierUsernameKey = (username: string): string | null => keyOf(username, (text) => text.toLowerCase())

function keyOf(username: string, mapCase: (text: string) => string): string | null {
  // Changing the case may denormalise the text, hence the second NFKC.
  const key = mapCase(username.normalize('NFKC')).normalize('NFKC')
  return ALLOWED.test(key) ? key : null
}

/**
 * Unicode's toCasefold (section 3.13), which JavaScript lacks. Upper case followed by lower case gives the same result for
 * every character except the dotless i. Lower case comes first because the upper case of capital ẞ is itself.
 */
export function foldCase(text: string): string {
  const upper = Array.from(text, (letter) => (letter === DOTLESS_I ? letter : letter.toLowerCase().toUpperCase()))
  // One character at a time: otherwise the lower case of a final sigma depends on its neighbours.
  return Array.from(upper.join(''), (letter) => letter.toLowerCase()).join('')
}
