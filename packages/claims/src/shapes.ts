/** What a claim has to look like. */
export interface Shape {
  /** In words, to follow "must be": for developers. */
  readonly words: string
  readonly optional?: true
  readonly fits: (value: unknown) => boolean
}

/** 9999-12-31T23:59:59Z. Beyond it a number of seconds is a mistake (often milliseconds) or an attack. */
const LATEST_SECONDS = 253_402_300_799

/** One or more scope tokens, single spaces between them: RFC 6749, section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/

const isName = (value: unknown): value is string =>
  // JSON can write half a surrogate pair, which two programs will not compare alike.
  typeof value === 'string' && value.length > 0 && value.isWellFormed()

export const name: Shape = { words: 'a string that is not empty', fits: isName }

export const names: Shape = {
  words: 'an array of strings',
  fits: (value) => Array.isArray(value) && value.every(isName),
}

/** RFC 7519, section 4.1.3: one string, or an array of them. */
export const audience: Shape = {
  words: 'a string or an array of strings, not empty',
  fits: (value) => isName(value) || (Array.isArray(value) && value.length > 0 && value.every(isName)),
}

export const scope: Shape = {
  words: 'scope tokens with single spaces between them',
  fits: (value) => typeof value === 'string' && SCOPE.test(value),
}

/** RFC 7519, section 2, allows fractions. JSON can write `1e400`, which JavaScript reads as Infinity: refused. */
export const time: Shape = {
  words: 'a time in seconds since 1970',
  fits: (value) => typeof value === 'number' && value >= 0 && value <= LATEST_SECONDS,
}

/** The claim may be left out; where it is there, it has this shape. */
export const optional = (shape: Shape): Shape => ({ ...shape, optional: true })
