import { type CleanedEnv, EnvError, EnvMissingError, cleanEnv, makeValidator, port, str } from 'envalid'

/** What is wrong with the settings, one line each. Never holds a secret's value. */
export class SettingsError extends Error {
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

/** Every service reads it: `production` refuses the defaults that are meant for development. */
export const nodeEnv = str({ choices: ['development', 'test', 'production'], devDefault: 'development' })

/** A URL with one of these protocols, each with its colon. */
export const url = (...protocols: string[]) =>
  makeValidator((input) => {
    const parsed = URL.parse(input)
    if (parsed && protocols.includes(parsed.protocol)) return input
    throw new EnvError(`must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`)
  })

/** An issuer's identifier. Compared to the letter, so one without the slash that people add or leave out. */
export const issuer = makeValidator((input) => {
  const parsed = URL.parse(input)
  const isHttp = parsed !== null && ['http:', 'https:'].includes(parsed.protocol)
  if (isHttp && !parsed.search && !parsed.hash && !input.endsWith('/')) return input
  throw new EnvError('must be an http or https URL without query, fragment or final slash (RFC 8414, section 2)')
})

/** Development may do without TLS, and production where the issuer is on the same machine. */
export function issuerFaults(settings: { NODE_ENV: string; ISSUER: string }): string[] {
  const { protocol, hostname } = new URL(settings.ISSUER)
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
  return settings.NODE_ENV === 'production' && protocol !== 'https:' && !isLoopback
    ? ['ISSUER must be https in production']
    : []
}

/** Off where it is not given. */
export const opsPort = port({ default: undefined })

export const logLevel = str({
  choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
  default: 'info',
})

/** A whole number from `least` to `most`, both included. */
export const range = (least: number, most: number) =>
  makeValidator((input: string) => {
    const value = /^\d{1,15}$/.test(input) ? Number(input) : Number.NaN
    if (value >= least && value <= most) return value
    throw new EnvError(`must be a whole number from ${least} to ${most}`)
  })

/**
 * How long an idle connection is kept. It must be longer than the proxy keeps its connections to the service, or the
 * proxy sends a request over one that is being closed.
 */
export const keepAliveTimeout = range(1, 7_200)({ default: 72 })

/**
 * Reads and validates all settings at once. An empty variable counts as absent.
 * @param rules what no variable alone can tell: answers a line for each setting that does not go with the others.
 * @throws SettingsError with every bad setting.
 */
export function readSettings<S extends Parameters<typeof cleanEnv>[1]>(
  env: NodeJS.ProcessEnv,
  specs: S,
  rules: (settings: CleanedEnv<S>) => readonly string[] = () => [],
): CleanedEnv<S> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const settings = cleanEnv({ NODE_ENV: 'development', ...given }, specs, {
    reporter({ errors }) {
      const lines = Object.entries<Error | undefined>(errors).map(([name, error]) =>
        error instanceof EnvMissingError
          ? `${name} is missing: ${error.message}`
          : `${name} ${error?.message ?? 'is not valid'}`,
      )
      if (lines.length > 0) throw new SettingsError(lines)
    },
  })
  const lines = rules(settings)
  if (lines.length > 0) throw new SettingsError(lines)
  return settings
}
