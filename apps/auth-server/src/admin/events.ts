import type { Command } from 'commander'
import { eventOperations } from '../operations/keys-and-events.ts'
import type { Door } from './door.ts'
import { findUser } from './users.ts'

interface Options {
  user?: string
  type?: string
  since?: string
  until?: string
  limit?: string
  after?: string
}

export function eventCommands(program: Command, { onOperation }: Door): void {
  const event = program.command('event').description('shows security events')
  event
    .command('list')
    .description('lists a page of events, newest first')
    .option('--user <name>', 'only events about this user')
    .option('--type <type>', 'only events of this type')
    .option('--since <time>', 'from this time on, such as 2030-01-31T12:00:00Z')
    .option('--until <time>', 'before this time')
    .option('--limit <number>', 'how many at most: 1 to 100; default: 100')
    .option('--after <next>', '`next` of the previous page')
    .action(
      onOperation(eventOperations.list, async (core, { user, ...given }: Options) => ({
        ...given,
        ...(user !== undefined && { user_id: (await findUser(core, user)).id }),
      })),
    )
}
