import type { Command } from 'commander'
import { roleOperations } from '../operations/realm.ts'
import type { Door } from './door.ts'

export function roleCommands(program: Command, { onOperation }: Door): void {
  const command = program.command('role').description('manages the roles of users: which scopes each one grants')
  command
    .command('set <name> <scope...>')
    .description('makes a role, or sets the scopes of one; each session gets them at its next refresh')
    .action(onOperation(roleOperations.set, async (_core, role: string, scopes: string[]) => ({ role, scopes })))
  command
    .command('list')
    .description('lists all roles with their scopes')
    .action(onOperation(roleOperations.list, async () => ({})))
  command
    .command('remove <name>')
    .description('removes a role; users keep its name, but it grants nothing any more')
    .action(onOperation(roleOperations.remove, async (_core, role: string) => ({ role })))
}
