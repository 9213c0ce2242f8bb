import { type CleanedEnv, EnvMissingError, cleanEnv } from 'envalid'
import { NODE_ENVS } from './setting-types.ts'

/** What is wrong with the settings, one line each. Never holds a secret's value. */
export class SettingsError extends Error {
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

/** Development may do without TLS, and production where the issuer is on the same machine. */
export function issuerFaults({ NODE_ENV, ISSUER }: { NODE_ENV?: string; ISSUER?: string }): string[] {
  if (ISSUER === undefined || NODE_ENV === 'development' || NODE_ENV === 'test') return []
  return isOnThisMachine(ISSUER) || ISSUER.startsWith('https:') ? [] : ['ISSUER must be https in production']
}

/** What a person may have meant otherwise, although it is allowed: a line each. */
export function issuerWarnings(env: NodeJS.ProcessEnv, issuer: string): string[] {
  if (env['NODE_ENV'] || isOnThisMachine(issuer)) return []
  return ['NODE_ENV is not set, so the defaults are those of development: set NODE_ENV=production where it matters']
}

function isOnThisMachine(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

/**
 * Reads and validates all settings at once. An empty variable counts as absent.
 * @param rules what no variable alone can tell: answers a line for each setting that does not go with the others. It is
 * given those that are good by themselves.
 * @throws SettingsError with every bad setting.
 */
export function readSettings<S extends Parameters<typeof cleanEnv>[1]>(
  env: NodeJS.ProcessEnv,
  specs: S,
  rules: (settings: Partial<CleanedEnv<S>>) => readonly string[] = () => [],
): CleanedEnv<S> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const stage = given['NODE_ENV'] ?? 'development'
  // A word that is none is told as such; the rest is looked at as in production, which forgives least.
  const isKnown = (NODE_ENVS as readonly string[]).includes(stage)
  const read = { ...given, NODE_ENV: isKnown ? stage : 'production' }
  return cleanEnv(read, specs, {
    reporter({ errors, env: settings }) {
      const faults = new Map<string, string>()
      for (const [name, error] of Object.entries<Error | undefined>(errors))
        faults.set(name, error instanceof EnvMissingError ? `is missing: ${error.message}` : (error?.message ?? ''))
      if (!isKnown) faults.set('NODE_ENV', `must be one of ${NODE_ENVS.join(', ')}`)
      for (const name of Object.keys(specs as object)) {
        const slip = slipOf(given[name] ?? '')
        if (slip) faults.set(name, slip)
      }
      const good = Object.entries(settings as object).filter(([name]) => !faults.has(name))
      const lines = [...faults].map(([name, fault]) => `${name} ${fault}`)
      lines.push(...rules(Object.fromEntries(good) as Partial<CleanedEnv<S>>))
      if (lines.length > 0) throw new SettingsError(lines)
    },
  })
}

/** What a file or a shell left in the value, and nobody means. */
function slipOf(value: string): string | null {
  if (/[\r\n]$/.test(value)) return 'ends in a line break: a file with Windows line ends, or one that was taken whole'
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  if (/[\x00-\x1f\x7f]/.test(value)) return 'holds a control character'
  if (value !== value.trim()) return 'begins or ends with white space'
  if (/^(["'`]).*\1$/.test(value)) return 'has quotes around it that are part of the value: leave them out'
  return null
}
