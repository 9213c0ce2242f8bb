import type { LoadOptions } from './arguments.ts'
import { checkTrust } from './check-target.ts'
import { Engines } from './engine/engines.ts'
import type { Credentials } from './engine/engine-context.ts'
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
  { clients, engines: threads, profile, user }: LoadOptions,
  { apiUrls, authUrls }: Target,
  stack: LocalStack | null,
  say: (line: string) => void,
): Promise<Engines> {
  const users = user
    ? [accountOf(user)]
    : await registerUsers(authUrls[0] ?? '', Math.ceil(clients / SESSIONS_PER_USER))
  if (stack === null && users[0]) await checkTrust({ apiUrls, authUrls }, users[0])
  return openEngines({ threads, clients, users, profile: PROFILES[profile], authUrls, apiUrls, stack, say })
}

interface Opening extends Target {
  threads: number
  clients: number
  users: readonly Credentials[]
  profile: Profile
  stack: LocalStack | null
  say: (line: string) => void
}

export async function openEngines({ threads, clients, users, stack, say, ...context }: Opening): Promise<Engines> {
  const each = Array.from({ length: clients }, (_, i) => users[i % users.length] ?? { username: '', password: '' })
  const earlier = await stack?.seedSessions(each.map(({ username }) => username))
  const accounts = each.map((account, i) => ({ ...account, client: i + 1, earlier: earlier?.[i] }))
  const engines = new Engines(threads, { ...context, accounts })

  let opened = 0
  const began = performance.now()
  const report = () => {
    const perSecond = opened / ((performance.now() - began) / 1000)
    const why = stack ? '' : ' (each login costs the auth server a password hash)'
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
