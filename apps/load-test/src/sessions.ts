import type { LoadOptions } from './arguments.ts'
import { checkTrust } from './check-target.ts'
import { Engines } from './engine/engines.ts'
import type { Credentials } from './engine/engine-context.ts'
import type { Login } from './engine/login.ts'
import { PROFILES, type Profile } from './profiles.ts'
import type { Target } from './run-once.ts'
import type { LocalStack } from './stack/local-stack.ts'
import { registerUsers } from './users.ts'
import { integer } from '@heirloom/harness/numbers'

/**
 * More accounts would slow the start: each costs a password hash. The number stays below SESSIONS_PER_USER, as clients whose
 * session is lost log in again.
 */
const SESSIONS_PER_USER = 50
const AT_ONCE = 6
const PROGRESS_MS = 5_000

/** Starts the engines and gives each client a live session. */
export async function openSessions(
  options: LoadOptions,
  { apiUrls, authUrls }: Target,
  stack: LocalStack | null,
  say: (line: string) => void,
): Promise<Engines> {
  const { clients, engines: threads, profile, user } = options
  const login = stack ? stack.logins[options.login] : loginOf(options)
  const users =
    login.way === 'client-credentials'
      ? [NOBODY]
      : user
        ? [accountOf(user)]
        : await registerUsers(authUrls[0] ?? '', Math.ceil(clients / SESSIONS_PER_USER))
  if (stack === null && users[0]) await checkTrust({ apiUrls, authUrls }, login, users[0])
  return openEngines({ threads, clients, users, profile: PROFILES[profile], authUrls, apiUrls, stack, say, login })
}

const NOBODY: Credentials = { username: '', password: '' }

function loginOf({ login: way, client, redirectUri, resource }: LoadOptions): Login {
  const secret = process.env['LOAD_CLIENT_SECRET']
  if (way === 'client-credentials' && !secret)
    throw new Error('--login client-credentials needs the secret of the client in LOAD_CLIENT_SECRET')
  return {
    way,
    ...(client !== undefined && { clientId: client }),
    ...(secret && way !== 'password' && { secret }),
    ...(redirectUri !== undefined && { redirectUri }),
    ...(resource !== undefined && { resource }),
  }
}

interface Opening extends Target {
  threads: number
  clients: number
  users: readonly Credentials[]
  profile: Profile
  /** By default with a password. */
  login?: Login
  stack: LocalStack | null
  say: (line: string) => void
}

export async function openEngines({ threads, clients, users, stack, say, ...context }: Opening): Promise<Engines> {
  const each = Array.from({ length: clients }, (_, i) => users[i % users.length] ?? { username: '', password: '' })
  // Others than those of the default client are opened by a login.
  const isSeeded = (context.login?.way ?? 'password') === 'password'
  const earlier = isSeeded ? await stack?.seedSessions(each.map(({ username }) => username)) : undefined
  const accounts = each.map((account, i) => ({ ...account, client: i + 1, earlier: earlier?.[i] }))
  const engines = new Engines(threads, { ...context, accounts })

  let opened = 0
  const began = performance.now()
  const report = () => {
    const perSecond = opened / ((performance.now() - began) / 1000)
    const why = stack || !isSeeded ? '' : ' (each login costs the auth server a password hash)'
    say(`${integer(opened)} of ${integer(clients)} clients have a session, at ${integer(perSecond)} per second${why}.`)
  }
  const timer = setInterval(report, PROGRESS_MS)
  try {
    await engines.open(AT_ONCE, () => opened++)
  } finally {
    clearInterval(timer)
  }
  return engines
}

function accountOf(username: string): Credentials {
  const password = process.env['LOAD_PASSWORD']
  if (!password) throw new Error('--user needs its password in LOAD_PASSWORD')
  return { username, password }
}
