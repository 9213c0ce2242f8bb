/**
 * What must not reach a terminal or a page from somebody else's text: controls (C0, DEL and C1), line and paragraph
 * separators, controls of the writing direction, and halves of surrogate pairs. The inside of a character class that takes
 * the flag `u`.
 */
export const UNSHOWABLE = '\\p{Cc}\\p{Zl}\\p{Zp}\\p{Bidi_Control}\\p{Cs}'

const EACH = new RegExp(`[${UNSHOWABLE}]`, 'gu')
/** JSON has escaped C0 in its strings already; the line feeds that are left are its own. */
const EACH_IN_JSON = new RegExp(`(?!\\n)[${UNSHOWABLE}]`, 'gu')

/**
 * Text from outside as it may be stored and shown: at most so many characters (code points), with U+FFFD for each that
 * must not be shown.
 */
export function shownText(text: string, mostCharacters: number): string {
  // A character has at most two code units, so nothing is lost that could have stayed.
  const characters = Array.from(text.slice(0, 2 * mostCharacters)).slice(0, mostCharacters)
  return characters.join('').replace(EACH, '\ufffd')
}

/** The same JSON document, with escapes for what must not be shown: for logs, and for what a command prints. */
export const shownJson = (json: string): string =>
  json.replace(EACH_IN_JSON, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
