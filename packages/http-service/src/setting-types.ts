import { isIP } from 'node:net'
import { type BaseValidator, EnvError, makeValidator } from 'envalid'

/** What a type of setting says about itself, for the reference page. */
interface TypeOfSetting {
  /** What is allowed, with the unit: "1 to 300 seconds". */
  accepts: string
  /** The value must never be shown. */
  isSecret?: true
}

/**
 * A type of setting. Call it with a default and a description to declare a setting. `desc` is one sentence of the reference
 * page, without its full stop. With `default: undefined`, the setting may be left out.
 * @param parse throws EnvError with a text that follows the name of the setting, and never holds a secret value.
 */
export function settingType<T>(about: TypeOfSetting, parse: (input: string) => T): BaseValidator<T> {
  const validator = makeValidator<T>(parse)
  return ((spec: Parameters<typeof validator>[0]) => ({ ...validator(spec), ...about })) as BaseValidator<T>
}

/** A setting, as the reference page shows it. */
export interface SettingDescription extends TypeOfSetting {
  desc: string
  default?: unknown
  devDefault?: unknown
  example?: string
  /** A page with more, as a path from the root of the repository. */
  docs?: string
}

/** @throws if the setting was not made of a `settingType` or has no description. */
export function describeSetting(name: string, setting: object): SettingDescription {
  const description = setting as SettingDescription
  if (!description.accepts || !description.desc) throw new Error(`the setting ${name} has no description`)
  return description
}

/** One of these values. */
export const choice = <const Word extends string>(...words: Word[]) =>
  settingType<Word>({ accepts: words.map((word) => `\`${word}\``).join(', ') }, (input) => {
    const word = words.find((one) => one === input)
    if (word !== undefined) return word
    throw new EnvError(`must be one of ${words.join(', ')}`)
  })

/** A whole number from `least` to `most`, both included. */
export const range = (least: number, most: number, unit = '') =>
  settingType({ accepts: `${withCommas(least)} to ${withCommas(most)} ${unit}`.trim() }, (input: string) => {
    const value = /^\d{1,15}$/.test(input) ? Number(input) : Number.NaN
    if (value >= least && value <= most) return value
    throw new EnvError(`must be a whole number from ${least} to ${most}, in digits alone and without a unit`)
  })

const withCommas = (number: number) => number.toLocaleString('en-US')

/** Items between commas. White space around an item is not part of it. */
export const listOf = (check: (items: string[]) => boolean, what: string) =>
  settingType({ accepts: `${what}, separated by commas` }, (input) => {
    const items = input.split(',').map((item) => item.trim())
    if (items.includes('')) throw new EnvError('has an empty item: remove the extra comma')
    if (check(items)) return items
    throw new EnvError(`must be ${what}, separated by commas`)
  })

export const NODE_ENVS = ['development', 'test', 'production'] as const

export const port = settingType({ accepts: 'a port, 1 to 65535' }, (input) => range(1, 65_535)()._parse(input))

export const host = settingType({ accepts: 'an address or a host name of this machine' }, (input) => {
  if (isIP(input) || /^[\w-]+(\.[\w-]+)*$/.test(input)) return input
  throw new EnvError('must be an address or a host name of this machine, without scheme and port')
})

/** A URL with one of these protocols, each with its colon. */
export const url = (...protocols: string[]) => {
  const beginnings = protocols.map((protocol) => `${protocol}//`)
  return settingType({ accepts: beginnings.map((one) => `\`${one}…\``).join(' or ') }, (input) => {
    const parsed = URL.parse(input)
    if (parsed && protocols.includes(parsed.protocol)) return input
    throw new EnvError(`must be a URL that begins with ${beginnings.join(' or ')}`)
  })
}

/** An issuer's identifier. It is compared character by character, so only one spelling is accepted: without a final slash. */
export const issuer = settingType(
  { accepts: 'an http or https URL without query, fragment or final slash' },
  (input) => {
    const parsed = URL.parse(input)
    const isHttp = parsed !== null && ['http:', 'https:'].includes(parsed.protocol)
    if (!isHttp || /[?#]/.test(input) || input.endsWith('/'))
      throw new EnvError('must be an http or https URL without query, fragment or final slash (RFC 8414, section 2)')
    if (parsed.username || parsed.password) throw new EnvError('must contain no user and no password: it is public')
    const plain = parsed.href.replace(/\/$/, '')
    if (input.includes(',')) throw new EnvError('must be one URL, not a list')
    if (plain !== input) throw new EnvError(`must be one URL in its normal form: ${plain}`)
    return input
  },
)

/** The one audience of access tokens. A list would be taken for one name, which no service has. */
export const audience = settingType(
  { accepts: 'one name of up to 200 ASCII characters, without commas and spaces' },
  (input) => {
    if (/^[\x21-\x2b\x2d-\x7e]{1,200}$/.test(input)) return input
    throw new EnvError('must be one name of up to 200 ASCII characters, without commas and spaces: not a list')
  },
)
