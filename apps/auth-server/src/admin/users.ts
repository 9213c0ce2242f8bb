import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import { register } from '../services/accounts/register.ts'
import type { Core } from '../services/core.ts'
import { endAllSessions } from '../services/sessions/sessions.ts'
import type { Account } from '../stores/accounts.ts'
import { type Door, UsageError } from './door.ts'
import { importCommand } from './import-users.ts'

export function userCommands(program: Command, door: Door): void {
  const { onCore } = door
  const user = program.command('user').description('manages accounts')
  user
    .command('add <name>')
    .description('creates an account; generates and prints a password unless one is given')
    .option('--role <role...>', 'a role of the user; may be repeated; default: those of the realm')
    .option('--password-stdin', 'reads the password from standard input')
    .action(
      onCore(async (core, name: string, options: { role?: string[]; passwordStdin?: true }) => {
        const roles = checkedRoles(core, options.role ?? core.realm.current().defaultRoles)
        const given = options.passwordStdin && (await readPassword())
        const password = given ?? randomBytes(18).toString('base64url')
        const result = await register(core, { username: name, password, roles })
        if (!result.ok) throw new UsageError(result.description)
        return { ...shown(result.account), ...(given === undefined && { password }) }
      }),
    )
  user
    .command('list')
    .description('lists all accounts')
    .action(
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
        const { id } = await findUser(core, name)
        const account = await core.accounts.change(id, { disabledAt: new Date() })
        const ended = await endAllSessions(core, id, 'disabled')
        return { ...(account && shown(account)), sessions_ended: ended }
      }),
    )
  user
    .command('enable <name>')
    .description('allows logins again')
    .action(
      onCore(async (core, name: string) => {
        const account = await core.accounts.change((await findUser(core, name)).id, { disabledAt: null })
        return account && shown(account)
      }),
    )
  user
    .command('roles <name> <role...>')
    .description('sets the roles; each session gets them at its next refresh')
    .action(
      onCore(async (core, name: string, roles: string[]) => {
        const change = { roles: checkedRoles(core, roles) }
        const account = await core.accounts.change((await findUser(core, name)).id, change)
        return account && shown(account)
      }),
    )
  importCommand(user, door)
}

export async function findUser({ accounts }: Pick<Core, 'accounts'>, name: string): Promise<Account> {
  const account = await accounts.byName(name)
  if (!account) throw new UsageError(`there is no user ${JSON.stringify(name)}`)
  return account
}

const shown = ({ id, username, roles, disabled, createdAt }: Account) => ({
  id,
  username,
  roles,
  disabled,
  created_at: createdAt.toISOString(),
})

/** Without the line feed at the end, which the terminal or the editor added. */
async function readPassword(): Promise<string> {
  const bytes = await buffer(process.stdin)
  if (!isUtf8(bytes)) throw new UsageError('the password on standard input is not valid UTF-8')
  return bytes.toString('utf8').replace(/\r?\n$/, '')
}

/** Each role once. @throws UsageError if the realm lacks one. */
function checkedRoles({ realm }: Pick<Core, 'realm'>, asked: readonly string[]): string[] {
  const roles = [...realm.current().roles.keys()]
  const unknown = asked.find((role) => !roles.includes(role))
  if (unknown !== undefined)
    throw new UsageError(`there is no role ${JSON.stringify(unknown)}; the roles are ${roles.join(', ')}`)
  return [...new Set(asked)]
}
