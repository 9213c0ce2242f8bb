import type { Command } from 'commander'
import { judgeRealmFile } from '../rules/judge-realm-file.ts'
import { FOLLOWED, applyChange, readRealm, refused } from './apply-change.ts'
import type { Door } from './door.ts'

export function roleCommands(program: Command, { onStores }: Door): void {
  const command = program.command('role').description('manages the roles of users: which scopes each one grants')
  command
    .command('set <name> <scope...>')
    .description('makes a role, or sets the scopes of one; each session gets them at its next refresh')
    .action(
      onStores(async (parts, name: string, scopes: string[]) => {
        const how = { prune: false, issuer: parts.core.config.issuer }
        await applyChange(parts, (current) => judgeRealmFile(current, { roles: { [name]: scopes } }, how))
        return { name, scopes, ...FOLLOWED }
      }),
    )
  command
    .command('list')
    .description('lists all roles with their scopes')
    .action(onStores(async (parts) => ({ roles: (await readRealm(parts)).roles })))
  command
    .command('remove <name>')
    .description('removes a role; users who have it keep its name, which grants nothing any more')
    .action(
      onStores(async (parts, name: string) => {
        await applyChange(parts, (current) => {
          const roles = current.roles.filter((one) => one.name !== name)
          if (roles.length === current.roles.length) return refused(['roles', name], 'is not there')
          return { ok: true, realm: { ...current, roles } }
        })
        return { removed: name, ...FOLLOWED }
      }),
    )
}
