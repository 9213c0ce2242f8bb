import type { Command } from 'commander'
import { keyOperations } from '../operations/keys-and-events.ts'
import type { Door } from './door.ts'

export function keyCommands(program: Command, { onOperation }: Door): void {
  const key = program.command('key').description('manages signing keys')
  key
    .command('list')
    .description('lists the published keys')
    .action(onOperation(keyOperations.list, async () => ({})))
  key
    .command('rotate')
    .description('makes the next key: it is published now, and signs once every service has it')
    .action(onOperation(keyOperations.rotate, async () => ({})))
  key
    .command('remove <kid>')
    .description('after a leak: removes a key at once, and with it every access token that it signed')
    .action(onOperation(keyOperations.remove, async (_core, kid: string) => ({ kid })))
}
