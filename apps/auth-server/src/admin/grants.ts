import type { Command } from 'commander'
import { withdrawConsent } from '../services/authorize/withdraw-consent.ts'
import { type Door, UsageError } from './door.ts'
import { findUser } from './users.ts'

export function grantCommands(program: Command, { onCore }: Door): void {
  const grant = program.command('grant').description('manages the access that users have given to applications')
  grant
    .command('list <name>')
    .description('lists the applications to which a user has given access')
    .action(
      onCore(async (core, name: string) => {
        const { id: userId } = await findUser(core, name)
        const consents = await core.consents.ofUser(userId)
        return {
          grants: consents.map(({ id, clientId, resources, scopes, createdAt }) => ({
            id,
            client_id: clientId,
            resources,
            scopes,
            created_at: createdAt.toISOString(),
          })),
        }
      }),
    )
  grant
    .command('withdraw <name> <client>')
    .description('withdraws a user’s access from an application, and ends its sessions with this user')
    .action(
      onCore(async (core, name: string, clientId: string) => {
        const { id: userId } = await findUser(core, name)
        const consent = await core.consents.find(userId, clientId)
        const result = consent && (await withdrawConsent(core, userId, consent.id))
        if (!result?.ok) throw new UsageError(`${name} has allowed nothing to the client ${JSON.stringify(clientId)}`)
        return { client_id: result.clientId, sessions_ended: result.sessionsEnded }
      }),
    )
}
