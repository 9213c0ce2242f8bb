import type { Command } from 'commander'
import { resourceOperations } from '../operations/realm.ts'
import { type Door, UsageError } from './door.ts'

export function resourceCommands(program: Command, { onOperation }: Door): void {
  const command = program.command('resource').description('manages the services that access tokens are for')
  command
    .command('add <id>')
    .description('adds a service; its id, an absolute URI or a bare name, is the audience of its tokens')
    .requiredOption('--scope <name=words...>', 'a scope, and what it means for people; may be repeated')
    .option('--name <name>', 'what people are shown; default: the id')
    .action(
      onOperation(resourceOperations.add, async (_core, id: string, options: { scope: string[]; name?: string }) => ({
        resource_id: id,
        ...(options.name !== undefined && { name: options.name }),
        scopes: Object.fromEntries(options.scope.map(toScope)),
      })),
    )
  command
    .command('list')
    .description('lists all services with their scopes')
    .action(onOperation(resourceOperations.list, async () => ({})))
  command
    .command('remove <id>')
    .description('removes a service that no client and no role names any more')
    .action(onOperation(resourceOperations.remove, async (_core, id: string) => ({ resource_id: id })))
}

function toScope(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at === -1) throw new UsageError(`--scope ${JSON.stringify(text)} must be NAME=WORDS`)
  return [text.slice(0, at), text.slice(at + 1)]
}
