import fc from 'fast-check'

/** Any character there is. fast-check's own unit `binary` is the same, and takes seconds to be made. */
export const codePoint = fc
  .nat(0x10ffff)
  .map((code) => String.fromCodePoint(code))
  .filter((character) => character.isWellFormed())
