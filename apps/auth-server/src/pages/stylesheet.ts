import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { textOn } from '../rules/contrast.ts'

const RULES = readFileSync(new URL('style.css', import.meta.url), 'utf8')

export interface Stylesheet {
  text: string
  /** A hash of the text. It is part of the address, so that browsers may keep the file for good. */
  version: string
}

/** @param color of buttons, as six hexadecimal digits. The color of their text follows from it. */
export function stylesheet(color: string): Stylesheet {
  const [red = 0, green = 0, blue = 0] = Buffer.from(color, 'hex')
  const text = `:root{--own:#${color};--on-own:${textOn([red, green, blue])}}\n${RULES}`
  return { text, version: createHash('sha256').update(text).digest('base64url').slice(0, 16) }
}
