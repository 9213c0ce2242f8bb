/**
 * Characters from outside that must not reach a terminal or a page: controls (C0, DEL and C1), line and paragraph
 * separators, controls of the writing direction, and halves of surrogate pairs. For use inside a character class of a
 * regular expression with the flag `u`.
 */
export const UNSHOWABLE = '\\p{Cc}\\p{Zl}\\p{Zp}\\p{Bidi_Control}\\p{Cs}'

const EACH = new RegExp(`[${UNSHOWABLE}]`, 'gu')
/** JSON has already escaped C0 in its strings. The remaining line feeds are its own. */
const EACH_IN_JSON = new RegExp(`(?!\\n)[${UNSHOWABLE}]`, 'gu')

/**
 * Makes text from outside safe to store and show. It has at most this many characters (code points), and U+FFFD instead of
 * each that must not be shown.
 */
export function shownText(text: string, mostCharacters: number): string {
  // A character has at most two code units, so this cuts nothing that is within the limit.
  const characters = Array.from(text.slice(0, 2 * mostCharacters)).slice(0, mostCharacters)
  return characters.join('').replace(EACH, '\ufffd')
}

/** The same JSON document, with escapes for characters that must not be shown. For logs and the output of commands. */
export const shownJson = (json: string): string =>
  json.replace(EACH_IN_JSON, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
