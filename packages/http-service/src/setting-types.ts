import { isIP } from 'node:net'
import { EnvError, makeValidator } from 'envalid'

/** One of these words. */
export const choice = <const Word extends string>(...words: Word[]) =>
  makeValidator<Word>((input) => {
    const word = words.find((one) => one === input)
    if (word !== undefined) return word
    throw new EnvError(`must be one of ${words.join(', ')}`)
  })

/** A whole number from `least` to `most`, both included. */
export const range = (least: number, most: number) =>
  makeValidator((input: string) => {
    const value = /^\d{1,15}$/.test(input) ? Number(input) : Number.NaN
    if (value >= least && value <= most) return value
    throw new EnvError(`must be a whole number from ${least} to ${most}, in digits alone and without a unit`)
  })

/** Items between commas. White space around an item is not part of it. */
export const listOf = (check: (items: string[]) => boolean, what: string) =>
  makeValidator((input) => {
    const items = input.split(',').map((item) => item.trim())
    if (items.includes('')) throw new EnvError('has an empty item: a comma too many')
    if (check(items)) return items
    throw new EnvError(`must be ${what}, separated by commas`)
  })

export const NODE_ENVS = ['development', 'test', 'production'] as const
/** Every service reads it: `production` refuses the defaults that are meant for development. */
export const nodeEnv = choice(...NODE_ENVS)({ devDefault: 'development' })

export const port = range(1, 65_535)

export const host = makeValidator((input) => {
  if (isIP(input) || /^[\w-]+(\.[\w-]+)*$/.test(input)) return input
  throw new EnvError('must be an address or a name of this machine, without scheme and port')
})

/** A URL with one of these protocols, each with its colon. */
export const url = (...protocols: string[]) =>
  makeValidator((input) => {
    const parsed = URL.parse(input)
    if (parsed && protocols.includes(parsed.protocol)) return input
    throw new EnvError(`must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`)
  })

/** An issuer's identifier. Compared to the letter, so in one spelling: without the slash that people add or leave out. */
export const issuer = makeValidator((input) => {
  const parsed = URL.parse(input)
  const isHttp = parsed !== null && ['http:', 'https:'].includes(parsed.protocol)
  if (!isHttp || /[?#]/.test(input) || input.endsWith('/'))
    throw new EnvError('must be an http or https URL without query, fragment or final slash (RFC 8414, section 2)')
  if (parsed.username || parsed.password) throw new EnvError('must hold no user and no password: it is public')
  const plain = parsed.href.replace(/\/$/, '')
  if (input.includes(',')) throw new EnvError('must be one URL: it is no list')
  if (plain !== input) throw new EnvError(`must be one URL in its plain form, as ${plain}`)
  return input
})

/** The one name that access tokens are for: a list would be a name that no service has. */
export const audience = makeValidator((input) => {
  if (/^[\x21-\x2b\x2d-\x7e]{1,200}$/.test(input)) return input
  throw new EnvError('must be one name of up to 200 ASCII characters, without commas and white space: it is no list')
})

/** Off where it is not given. */
export const opsPort = port({ default: undefined })

export const logLevel = choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent')({ default: 'info' })

/**
 * How long an idle connection is kept. It must be longer than the proxy keeps its connections to the service, or the
 * proxy sends a request over one that is being closed.
 */
export const keepAliveTimeout = range(1, 7_200)({ default: 72 })
