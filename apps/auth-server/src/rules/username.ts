/**
 * Letters and digits of any script, and what names are commonly joined with. No spaces, controls or bidi marks, nothing
 * that cannot be seen, and no mark without a letter before it.
 */
const ALLOWED = /^(?!\p{M})(?!.*\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}._@+-]{1,64}$/u

/** Unicode's full case folding leaves it: it is not an i without its dot. */
const DOTLESS_I = 'ı'

/**
 * What makes two usernames the same: NFKC and full case folding. The UsernameCaseMapped profile of RFC 8265, section 3.3,
 * has lower case, in which ΟΔΟΣ and οδοσ differ by the last letter. Null if it is not a username.
 */
export const usernameKey = (username: string): string | null => keyOf(username, foldCase)

/** As versions before case folding had it: a row that collided with another one still has such a key. */
export const earlierUsernameKey = (username: string): string | null => keyOf(username, (text) => text.toLowerCase())

function keyOf(username: string, mapCase: (text: string) => string): string | null {
  // Another case may denormalise, hence the second NFKC.
  const key = mapCase(username.normalize('NFKC')).normalize('NFKC')
  return ALLOWED.test(key) ? key : null
}

/**
 * Unicode, section 3.13 (toCasefold). JavaScript has no such function; upper case and then lower case is the same for each
 * character but the dotless i, and, as capital ẞ stays as it is in upper case, lower case has to come first.
 */
function foldCase(text: string): string {
  const upper = Array.from(text, (letter) => (letter === DOTLESS_I ? letter : letter.toLowerCase().toUpperCase()))
  // By character, as a final sigma depends on its neighbours.
  return Array.from(upper.join(''), (letter) => letter.toLowerCase()).join('')
}
