import { isUtf8 } from 'node:buffer'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import { userOperations } from '../operations/users.ts'
import { isUuid } from '../rules/uuid.ts'
import { deleteUsersAgain } from '../services/admin/delete-users.ts'
import { type UserFields, shownUser } from '../services/admin/users.ts'
import type { Core } from '../services/core.ts'
import type { Account } from '../stores/accounts.ts'
import { type Door, UsageError } from './door.ts'
import { importCommand } from './import-users.ts'

interface FieldOptions {
  email?: string | false
  attributes?: string
  requireNewPassword?: boolean
  role?: string[]
}

export function userCommands(program: Command, door: Door): void {
  const { onCore, onStores, onOperation } = door
  const user = program.command('user').description('manages accounts; NAME is a username, or the id of a user')
  const idOf = async (core: Core, name: string) => ({ id: (await findUser(core, name)).id })

  user
    .command('add <name>')
    .description('creates an account; generates and prints a password unless one is given')
    .option('--role <role...>', 'a role of the user; may be repeated; default: those of the realm')
    .option('--password-stdin', 'reads the password from standard input')
    .option('--no-password', 'the user cannot log in with a password')
    .option('--email <address>', 'the e-mail address')
    .option('--attributes <json>', 'what else is known about the user, as a JSON object')
    .option('--require-new-password', 'the user must choose a new password at the first login')
    .action(
      onOperation(
        userOperations.add,
        async (_core, name: string, options: FieldOptions & { passwordStdin?: true; password: boolean }) => ({
          username: name,
          ...(options.passwordStdin && { password: await readPassword() }),
          ...(!options.password && { password: null }),
          ...fieldsOf(options),
        }),
      ),
    )
  user
    .command('list')
    .description('lists all accounts')
    .action(
      onCore(async (core) => ({
        users: (async function* () {
          for await (const account of core.accounts.all()) yield shownUser(account)
        })(),
      })),
    )
  user
    .command('find [prefix]')
    .description('lists a page of the accounts whose name begins with the text, or that have an address')
    .option('--email <address>', 'the whole e-mail address')
    .option('--limit <number>', 'how many: 1 to 100; default: 100')
    .option('--after <next>', '`next` of the previous page')
    .action(
      onOperation(
        userOperations.find,
        async (
          _core,
          prefix: string | undefined,
          { email, limit, after }: { email?: string; limit?: string; after?: string },
        ) => ({
          ...(prefix !== undefined && { username: prefix }),
          ...(email !== undefined && { email }),
          ...(limit !== undefined && { limit }),
          ...(after !== undefined && { after }),
        }),
      ),
    )
  user.command('show <name>').description('shows an account').action(onOperation(userOperations.show, idOf))
  user
    .command('change <name>')
    .description('sets what is given; attributes replace the current ones')
    .option('--email <address>', 'the e-mail address')
    .option('--no-email', 'removes the e-mail address')
    .option('--attributes <json>', 'what else is known about the user, as a JSON object')
    .option('--require-new-password', 'the user must choose a new password at the next login')
    .option('--no-require-new-password', 'the user need not change the password any more')
    .action(
      onOperation(userOperations.change, async (core, name: string, options: FieldOptions) => ({
        ...(await idOf(core, name)),
        ...fieldsOf(options),
      })),
    )
  user
    .command('roles <name> <role...>')
    .description('sets the roles; each session gets them at its next refresh')
    .action(
      onOperation(userOperations.change, async (core, name: string, roles: string[]) => ({
        ...(await idOf(core, name)),
        roles,
      })),
    )
  user
    .command('password <name>')
    .description('sets the password, or generates and prints one, and ends all sessions')
    .option('--password-stdin', 'reads the password from standard input')
    .option('--require-new-password', 'the user must choose a new password at the next login')
    .action(
      onOperation(
        userOperations.setPassword,
        async (core, name: string, options: { passwordStdin?: true; requireNewPassword?: boolean }) => ({
          ...(await idOf(core, name)),
          ...(options.passwordStdin && { password: await readPassword() }),
          ...(options.requireNewPassword && { require_new_password: true }),
        }),
      ),
    )
  user
    .command('disable <name>')
    .description('refuses logins and refreshes, and ends all sessions')
    .action(onOperation(userOperations.disable, idOf))
  user.command('enable <name>').description('allows logins again').action(onOperation(userOperations.enable, idOf))
  user
    .command('unlock <name>')
    .description('resets the count of failed logins, so the user can try again')
    .action(onOperation(userOperations.unlock, idOf))
  user
    .command('export <name>')
    .description('prints all data about a user')
    .action(onOperation(userOperations.export, idOf))
  user
    .command('delete <name>')
    .description('deletes a user and all their data')
    .action(onOperation(userOperations.remove, idOf))
  user
    .command('delete-again')
    .description('deletes again the users that a restored backup brought back')
    .action(onStores(deleteUsersAgain))
  importCommand(user, door)
}

export async function findUser({ accounts }: Pick<Core, 'accounts'>, name: string): Promise<Account> {
  const account = (await accounts.byName(name)) ?? (isUuid(name) ? await accounts.byId(name.toLowerCase()) : null)
  if (!account) throw new UsageError(`there is no user ${JSON.stringify(name)}`)
  return account
}

function fieldsOf({ email, attributes, requireNewPassword, role }: FieldOptions): UserFields {
  return {
    ...(email !== undefined && { email: email === false ? null : email }),
    ...(attributes !== undefined && { attributes: parsed(attributes) }),
    ...(requireNewPassword !== undefined && { require_new_password: requireNewPassword }),
    ...(role && { roles: role }),
  }
}

function parsed(json: string): Record<string, unknown> {
  try {
    return JSON.parse(json)
  } catch {
    throw new UsageError('--attributes must be a JSON object')
  }
}

/** Without the line feed at the end, which the terminal or the editor added. */
async function readPassword(): Promise<string> {
  const bytes = await buffer(process.stdin)
  if (!isUtf8(bytes)) throw new UsageError('the password on standard input is not valid UTF-8')
  return bytes.toString('utf8').replace(/\r?\n$/, '')
}
