/**
 * Letters and digits of any script, and what names are commonly joined with. No spaces, controls or bidi marks, nothing
 * that cannot be seen, and no mark without a letter before it.
 */
const ALLOWED = /^(?!\p{M})(?!.*\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}._@+-]{1,64}$/u

/**
 * What makes two usernames the same: NFKC and lower case, as in the UsernameCaseMapped profile of RFC 8265, section 3.3.
 * Null where it is not a username.
 */
export function usernameKey(username: string): string | null {
  // Lower case may denormalise, hence the second NFKC.
  const key = username.normalize('NFKC').toLowerCase().normalize('NFKC')
  return ALLOWED.test(key) ? key : null
}
