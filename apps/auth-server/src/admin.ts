import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { LOG_HOOKS, SettingsError, createMetrics, shownJson, shownText } from '@heirloom/http-service'
import { Command, Option } from 'commander'
import { pino } from 'pino'
import { addDoctor } from './admin/doctor.ts'
import { type ServerParts, wire } from './wiring.ts'
import { readConfig } from './config.ts'
import { MOST_KEYS, type NotRotated } from './keys/key-ring.ts'
import { ROLES } from './rules/scopes.ts'
import type { Core } from './services/core.ts'
import { inWords } from './services/event-words.ts'
import { prune } from './services/prune.ts'
import { register } from './services/accounts/register.ts'
import { restore } from './services/restore.ts'
import { endAllSessions, endSession, isLive } from './services/sessions/sessions.ts'
import type { Account } from './stores/accounts.ts'
import type { KeptEvent } from './stores/audit-events.ts'
import type { Session } from './stores/sessions.ts'

/** The newest of a user; more are in the table. */
const EVENTS_SHOWN = 500

const SESSIONS_IN_A_PAGE = 500

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const PROGRESS_EVERY_MS = 2_000

/** Characters of a complaint. */
const LONGEST_LINE = 2_000

/** What the operator did wrong, in one line. */
class UsageError extends Error {}

/** Runs a command on the stores of the server and prints its answer as JSON. */
function onStores<Arguments extends unknown[]>(
  command: (composition: ServerParts, ...args: Arguments) => Promise<object | null>,
) {
  return async (...args: Arguments) => {
    const composition = await wire(
      readConfig(process.env),
      pino({ level: 'warn', hooks: LOG_HOOKS }, pino.destination(2)),
      createMetrics(),
    )
    try {
      await pipeline(inPieces(await command(composition, ...args)), process.stdout, { end: false })
    } finally {
      await composition.close()
    }
  }
}

/** One JSON document. A member that is an async iterable is written as an array, item by item: it may be of any length. */
async function* inPieces(answer: object | null): AsyncGenerator<string> {
  const [first] = Object.entries(answer ?? {})
  if (!first || !isAsyncIterable(first[1])) return yield `${shownJson(JSON.stringify(answer, null, 2))}\n`
  yield `{\n  ${JSON.stringify(first[0])}: [`
  let separator = '\n'
  for await (const item of first[1]) {
    yield separator + shownJson(JSON.stringify(item, null, 2)).replaceAll(/^/gm, '    ')
    separator = ',\n'
  }
  yield separator === '\n' ? ']\n}\n' : '\n  ]\n}\n'
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value

const onCore = <Arguments extends unknown[]>(command: (core: Core, ...args: Arguments) => Promise<object | null>) =>
  onStores(({ core }, ...args: Arguments) => command(core, ...args))

const shown = ({ id, username, roles, disabled, createdAt }: Account) => ({
  id,
  username,
  roles,
  disabled,
  created_at: createdAt.toISOString(),
})

async function find(core: Core, name: string): Promise<Account> {
  const account = await core.accounts.byName(name)
  if (!account) throw new UsageError(`there is no user ${JSON.stringify(name)}`)
  return account
}

/** A line feed at its end is the terminal's or the editor's. */
async function readPassword(): Promise<string> {
  const bytes = await buffer(process.stdin)
  if (!isUtf8(bytes)) throw new UsageError('the password on standard input is not valid UTF-8')
  return bytes.toString('utf8').replace(/\r?\n$/, '')
}

function checkRoles(roles: readonly string[]): void {
  const unknown = roles.find((role) => !(ROLES as readonly string[]).includes(role))
  if (unknown !== undefined)
    throw new UsageError(`there is no role ${JSON.stringify(unknown)}; the roles are ${ROLES.join(', ')}`)
}

const program = new Command('admin')
  .description(
    'Manages users, sessions and signing keys of Heirloom. Prints JSON; takes its settings from the environment, as the server does.',
  )
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({
    outputError: (line, write) => {
      const asOption = line.startsWith('error: unknown option')
      write(asOption ? line.replace(/\n?$/, '; what begins with a dash and is none goes after --\n') : line)
    },
  })

const user = program.command('user').description('accounts')
user
  .command('add <name>')
  .description('makes an account; prints a password made for it unless one is given')
  .addOption(new Option('--role <role...>', 'may be given more than once').choices(ROLES).default(['user']))
  .option('--password-stdin', 'takes the password from standard input')
  .action(
    onCore(async (core, name: string, options: { role: string[]; passwordStdin?: true }) => {
      const given = options.passwordStdin && (await readPassword())
      const password = given ?? randomBytes(18).toString('base64url')
      const result = await register(core, { username: name, password, roles: [...new Set(options.role)] })
      if (!result.ok) throw new UsageError(result.description)
      return { ...shown(result.account), ...(given === undefined && { password }) }
    }),
  )
user.command('list').action(
  onCore(async (core) => ({
    users: (async function* () {
      for await (const account of core.accounts.all()) yield shown(account)
    })(),
  })),
)
user
  .command('disable <name>')
  .description('refuses logins and refreshes, and ends all sessions')
  .action(
    onCore(async (core, name: string) => {
      const { id } = await find(core, name)
      const account = await core.accounts.change(id, { disabledAt: new Date() })
      const ended = await endAllSessions(core, id, 'disabled')
      return { ...(account && shown(account)), sessions_ended: ended }
    }),
  )
user.command('enable <name>').action(
  onCore(async (core, name: string) => {
    const account = await core.accounts.change((await find(core, name)).id, { disabledAt: null })
    return account && shown(account)
  }),
)
user
  .command('roles <name> <role...>')
  .description('sets the roles; takes effect at each session’s next refresh')
  .action(
    onCore(async (core, name: string, roles: string[]) => {
      checkRoles(roles)
      const account = await core.accounts.change((await find(core, name)).id, { roles: [...new Set(roles)] })
      return account && shown(account)
    }),
  )

const session = program.command('session').description('sessions of a user')
session.command('list <name>').action(
  onCore(async (core, name: string) => {
    const { id } = await find(core, name)
    const [events, now] = await Promise.all([core.events.ofUser(id, EVENTS_SHOWN), core.accounts.now()])
    return { sessions: shownSessions(core, id, events, now) }
  }),
)

async function* shownSessions(core: Core, userId: string, events: readonly KeptEvent[], now: number) {
  for (let after: Session | undefined; ;) {
    const page = await core.sessions.ofUser(userId, SESSIONS_IN_A_PAGE, after)
    for (const one of page)
      yield {
        id: one.sid,
        live: isLive(core, one, now),
        client_id: one.clientId,
        device: one.device,
        ip: one.ip,
        created_at: one.createdAt.toISOString(),
        last_used_at: one.lastUsedAt.toISOString(),
        expires_at: one.expiresAt.toISOString(),
        revoked_at: one.revokedAt?.toISOString() ?? null,
        revoked_reason: one.revokedReason,
        events: events
          .filter(({ sid }) => sid === one.sid)
          .map((event) => `${new Date(event.at).toISOString()} ${inWords(event)}`),
      }
    after = page.at(-1)
    if (page.length < SESSIONS_IN_A_PAGE) return
  }
}

session
  .command('revoke <name> [sid]')
  .description('ends one session, or all of them')
  .action(
    onCore(async (core, name: string, sid?: string) => {
      const { id } = await find(core, name)
      if (sid === undefined) return { sessions_ended: await endAllSessions(core, id, 'admin') }
      const ended = UUID.test(sid) && (await endSession(core, id, sid, 'admin')).ok
      if (!ended) throw new UsageError(`${name} has no session ${JSON.stringify(sid)}`)
      return { sessions_ended: 1 }
    }),
  )
session
  .command('prune')
  .description(
    'deletes sessions that ended more than a week ago, old security events, and signing keys that no token names',
  )
  .action(onCore(prune))

program
  .command('restore')
  .description('after Postgres was restored from an older copy: merges what Redis has, ends what nobody knows of')
  .option('--unnoticed', 'also where no server noticed it: every session that Redis does not know is ended')
  .action(
    onStores(async ({ rollback, forRestore }, options: { unnoticed?: true }) => {
      let told = Date.now()
      const say = (what: string) => {
        if (Date.now() < told + PROGRESS_EVERY_MS) return
        told = Date.now()
        process.stderr.write(`admin: ${what}\n`)
      }
      const work = () =>
        forRestore((stores) => restore(stores, 'operator', (sessions) => say(`${sessions} sessions looked at`)))
      for (;;) {
        const restored = await rollback.restoring(work, options.unnoticed)
        if (restored.state === 'done') return { restored: true, ...restored.result }
        if (restored.state === 'intact') return { restored: false }
        say('another process restores; waiting for it')
        await sleep(250)
      }
    }),
  )

function inWordsWhyNotRotated(refused: NotRotated): string {
  const until = new Date(refused.until).toISOString()
  if (refused.reason === 'too_many')
    return `${MOST_KEYS} keys are published, as many as may be; the next can be made when one of them has retired, at ${until}`
  return (
    `the key ${refused.kid} is coming and signs from ${until}; the next can be made then. ` +
    'After a leak, `key remove KID` takes a key out at once; the coming one signs at once if the signing one is removed'
  )
}

const key = program.command('key').description('signing keys')
const listKeys = async (core: Core) => {
  const now = await core.accounts.now()
  return {
    keys: core.keys.published(now).map((one) => ({
      kid: one.kid,
      algorithm: one.algorithm,
      state: core.keys.stateOf(one, now),
      created_at: new Date(one.createdAt).toISOString(),
      signs_from: new Date(one.signsFrom).toISOString(),
      leaves_at: one.leavesAt === null ? null : new Date(one.leavesAt).toISOString(),
    })),
  }
}
key.command('list').action(onCore(listKeys))
key
  .command('rotate')
  .description('makes the next key: published now, signing when every service has it')
  .action(
    onCore(async (core) => {
      const refused = await core.keys.rotate()
      if (refused) throw new UsageError(inWordsWhyNotRotated(refused))
      return listKeys(core)
    }),
  )
key
  .command('remove <kid>')
  .description('after a leak: takes a key out at once, and with it every access token that it signed')
  .action(
    onCore(async (core, kid: string) => {
      if (!(await core.keys.remove(kid))) throw new UsageError(`there is no key ${JSON.stringify(kid)}`)
      core.audit({ type: 'key_removed', kid })
      return listKeys(core)
    }),
  )

addDoctor(program)

try {
  await program.parseAsync()
} catch (error) {
  const lines = error instanceof SettingsError ? error.lines : [error instanceof Error ? error.message : String(error)]
  for (const line of lines) process.stderr.write(`admin: ${shownText(line, LONGEST_LINE)}\n`)
  process.exit(1)
}
