/** The form that a claim must have. */
export interface Shape {
  /** For developers, to follow "must be". */
  readonly description: string
  readonly optional?: true
  readonly fits: (value: unknown) => boolean
}

/** 9999-12-31T23:59:59Z. A larger number is a mistake, often milliseconds, or an attack. */
const LATEST_SECONDS = 253_402_300_799

/** One or more scope tokens with single spaces between them (RFC 6749, section 3.3). */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/

const isName = (value: unknown): value is string =>
  // JSON can contain half a surrogate pair, which different programs compare differently.
  typeof value === 'string' && value.length > 0 && value.isWellFormed()

export const name: Shape = { description: 'a string that is not empty', fits: isName }

export const names: Shape = {
  description: 'an array of strings',
  fits: (value) => Array.isArray(value) && value.every(isName),
}

export const boolean: Shape = { description: 'true or false', fits: (value) => typeof value === 'boolean' }

/** JavaScript reads a number that is out of its range as Infinity: it is refused. */
export const number: Shape = { description: 'a finite number', fits: (value) => Number.isFinite(value) }

/** RFC 7519, section 4.1.3: one string, or an array of them. */
export const audience: Shape = {
  description: 'a string or an array of strings, not empty',
  fits: (value) => isName(value) || (Array.isArray(value) && value.length > 0 && value.every(isName)),
}

export const scope: Shape = {
  description: 'scope tokens with single spaces between them',
  fits: (value) => typeof value === 'string' && SCOPE.test(value),
}

/** RFC 7519, section 2, allows fractions. `1e400` is valid JSON, but JavaScript reads it as Infinity: it is refused. */
export const time: Shape = {
  description: 'a time in seconds since 1970',
  fits: (value) => typeof value === 'number' && value >= 0 && value <= LATEST_SECONDS,
}

/** RFC 3986: an absolute http or https address. */
const isHttpUri = (value: unknown) =>
  typeof value === 'string' && /^https?:\/\/[\x21-\x7e]+$/i.test(value) && URL.canParse(value)

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Token Status List, section "Referenced Token in JOSE": at least one mechanism, and other members are allowed. */
export const status: Shape = {
  description: 'an object that names a status mechanism; a status_list has an idx from 0 and an http or https uri',
  fits(value) {
    if (!isObject(value) || Object.keys(value).length === 0) return false
    if (!Object.hasOwn(value, 'status_list')) return true
    const { status_list: list } = value as { status_list: unknown }
    if (!isObject(list) || !Object.hasOwn(list, 'idx') || !Object.hasOwn(list, 'uri')) return false
    const { idx, uri } = list as { idx: unknown; uri: unknown }
    return Number.isSafeInteger(idx) && (idx as number) >= 0 && isHttpUri(uri)
  },
}

/** The claim may be left out. If it is present, it must have this shape. */
export const optional = (shape: Shape): Shape => ({ ...shape, optional: true })
