import { type CleanedEnv, EnvError, EnvMissingError, cleanEnv, makeValidator, str } from 'envalid'

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

/** A whole number from `least` to `most`, both included. */
export const range = (least: number, most: number) =>
  makeValidator((input: string) => {
    const value = /^\d{1,15}$/.test(input) ? Number(input) : Number.NaN
    if (value >= least && value <= most) return value
    throw new EnvError(`must be a whole number from ${least} to ${most}`)
  })

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
