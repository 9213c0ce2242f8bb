import type { Command } from 'commander'
import { MAX_KEYS, type NotRotated } from '../keys/key-ring.ts'
import type { Core } from '../services/core.ts'
import { type Door, UsageError } from './door.ts'

export function keyCommands(program: Command, { onCore }: Door): void {
  const key = program.command('key').description('manages signing keys')
  key.command('list').description('lists the published keys').action(onCore(listKeys))
  key
    .command('rotate')
    .description('makes the next key: it is published now, and signs once every service has it')
    .action(
      onCore(async (core) => {
        const refused = await core.keys.rotate()
        if (refused) throw new UsageError(whyNotRotated(refused))
        return listKeys(core)
      }),
    )
  key
    .command('remove <kid>')
    .description('after a leak: removes a key at once, and with it every access token that it signed')
    .action(
      onCore(async (core, kid: string) => {
        if (!(await core.keys.remove(kid))) throw new UsageError(`there is no key ${JSON.stringify(kid)}`)
        core.audit({ type: 'key_removed', kid })
        return listKeys(core)
      }),
    )
}

async function listKeys({ keys, clock }: Pick<Core, 'keys' | 'clock'>) {
  const now = await clock.now()
  return {
    keys: keys.published(now).map((one) => ({
      kid: one.kid,
      algorithm: one.algorithm,
      state: keys.stateOf(one, now),
      created_at: new Date(one.createdAt).toISOString(),
      signs_from: new Date(one.signsFrom).toISOString(),
      leaves_at: one.leavesAt === null ? null : new Date(one.leavesAt).toISOString(),
    })),
  }
}

function whyNotRotated(refused: NotRotated): string {
  const until = new Date(refused.until).toISOString()
  if (refused.reason === 'too_many')
    return `${MAX_KEYS} keys are published, which is the limit; the next one can be made at ${until}, when one of them leaves`
  return (
    `the key ${refused.kid} is coming and signs from ${until}; the next one can be made then. ` +
    'After a leak, `key remove KID` removes a key at once; if that key was signing, the coming one takes over at once'
  )
}
