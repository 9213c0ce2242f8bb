import { type CleanedEnv, EnvMissingError, cleanEnv } from 'envalid'
import { NODE_ENVS, describeSetting } from './setting-types.ts'

/** What is wrong with the settings: one line for each bad one. It never contains the value of a secret. */
export class SettingsError extends Error {
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

/** Development needs no TLS. Production needs it unless the issuer is on the same machine. */
export function issuerFaults({ NODE_ENV, ISSUER }: { NODE_ENV?: string; ISSUER?: string }): string[] {
  if (ISSUER === undefined || NODE_ENV === 'development' || NODE_ENV === 'test') return []
  return isOnThisMachine(ISSUER) || ISSUER.startsWith('https:') ? [] : ['ISSUER must be https in production']
}

/** What is allowed but may be a mistake: one line each. */
export function issuerWarnings(env: NodeJS.ProcessEnv, issuer: string): string[] {
  if (env['NODE_ENV'] || isOnThisMachine(issuer)) return []
  return ['NODE_ENV is not set, so the development defaults apply: set NODE_ENV=production in production']
}

function isOnThisMachine(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

/**
 * Reads and validates all settings at once. An empty variable counts as absent.
 * @param rules checks settings against each other. It gets those that are valid by themselves, and returns a line for each
 * fault.
 * @throws SettingsError with every bad setting.
 */
export function readSettings<S extends Parameters<typeof cleanEnv>[1]>(
  env: NodeJS.ProcessEnv,
  specs: S,
  rules: (settings: Partial<CleanedEnv<S>>) => readonly string[] = () => [],
): CleanedEnv<S> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const stage = given['NODE_ENV'] ?? 'development'
  // An unknown stage is a fault of its own. The other settings are then checked as in production, which is strictest.
  const isKnown = (NODE_ENVS as readonly string[]).includes(stage)
  const read = { ...given, NODE_ENV: isKnown ? stage : 'production' }
  return cleanEnv(read, specs, {
    reporter({ errors, env: settings }) {
      const faults = new Map<string, string>()
      for (const [name, error] of Object.entries<Error | undefined>(errors))
        faults.set(name, error instanceof EnvMissingError ? missing(specs, name) : (error?.message ?? ''))
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

function missing(specs: unknown, name: string): string {
  const { desc } = describeSetting(name, (specs as Record<string, object>)[name] ?? {})
  return `is missing: ${desc.charAt(0).toLowerCase()}${desc.slice(1)}`
}

/** What a file or a shell leaves in a value by accident. */
function slipOf(value: string): string | null {
  if (/[\r\n]$/.test(value))
    return 'ends in a line break: look for Windows line endings, or for a file that was read with its final line break'
  // oxlint-disable-next-line no-control-regex -- this looks for them
  if (/[\x00-\x1f\x7f]/.test(value)) return 'contains a control character'
  if (value !== value.trim()) return 'begins or ends with white space'
  if (/^(["'`]).*\1$/.test(value)) return 'is in quotes, which become part of the value: remove them'
  return null
}
