import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { textOn } from '../rules/contrast.ts'

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const RULES = read('style.css')

/** A file that pages name. */
export interface Asset {
  text: string
  /** The value of `Content-Type`. */
  type: string
  /** A hash of the text. It is part of the address, so that browsers may keep the file for good. */
  version: string
}

/** @param color of buttons, as six hexadecimal digits. The color of their text follows from it. */
export function stylesheet(color: string): Asset {
  const [red = 0, green = 0, blue = 0] = Buffer.from(color, 'hex')
  return asset(`:root{--own:#${color};--on-own:${textOn([red, green, blue])}}\n${RULES}`, 'text/css')
}

/** What browsers show beside the title: a disc in the site's color. Without one they would ask for `/favicon.ico`. */
export const icon = (color: string): Asset =>
  asset(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#${color}"/></svg>`,
    'image/svg+xml',
  )

/** The script of the account page. Without it, times are in UTC. */
export const localTimes = (): Asset => asset(read('local-times.js'), 'text/javascript')

function asset(text: string, type: string): Asset {
  const version = createHash('sha256').update(text).digest('base64url').slice(0, 16)
  return { text, type: `${type}; charset=utf-8`, version }
}
