import type { Command } from 'commander'
import { clientOperations } from '../operations/realm.ts'
import type { ClientFields } from '../services/admin/clients.ts'
import { readRealm } from '../services/admin/change-realm-as.ts'
import { shownClient } from '../services/admin/clients.ts'
import type { Door } from './door.ts'

interface AddOptions {
  name?: string
  auth?: string
  redirectUri?: string[]
  grant?: string[]
  resource?: string[]
  scope?: string[]
  origin?: string[]
  firstParty?: true
}

export function clientCommands(program: Command, { onStores, onOperation }: Door): void {
  const command = program.command('client').description('manages the clients: who may log users in or ask for tokens')
  const idOf = async (_core: unknown, id: string) => ({ client_id: id })
  command
    .command('add <id>')
    .description('registers a client; prints its secret, if any, this once')
    .option('--name <name>', 'what people are shown; default: the id')
    .option('--auth <method>', 'none, client_secret_basic or client_secret_post; default: none')
    .option('--redirect-uri <uri...>', 'where a user may be sent back to; may be repeated')
    .option('--grant <grant...>', 'may be repeated; default: authorization_code and refresh_token')
    .option('--resource <id...>', 'a resource that it may ask for; may be repeated')
    .option('--scope <scope...>', 'default: all scopes of its resources; with client_credentials none')
    .option('--origin <origin...>', 'a web origin whose pages use this client; may be repeated')
    .option('--first-party', 'the client is your own: it may log in with passwords, and its tokens carry roles')
    .action(
      onOperation(clientOperations.add, async (_core, id: string, options: AddOptions) => ({
        client_id: id,
        ...(toFields(options) as ClientFields),
      })),
    )
  command
    .command('list')
    .description('lists all clients')
    .action(onStores(async (parts) => ({ clients: (await readRealm(parts)).clients.map(shownClient) })))
  command.command('show <id>').description('shows a client').action(onOperation(clientOperations.show, idOf))
  command
    .command('rotate-secret <id>')
    .description('makes another secret and prints it this once; the previous one stays valid until --retire-old')
    .option('--retire-old', 'makes no secret: only the newest one stays valid')
    .action(
      onOperation(clientOperations.rotateSecret, async (_core, id: string, { retireOld }: { retireOld?: true }) => ({
        client_id: id,
        ...(retireOld && { retire_old: true }),
      })),
    )
  command
    .command('disable <id>')
    .description('refuses the client and ends all its sessions; returns when every server has followed')
    .action(onOperation(clientOperations.disable, idOf))
  command
    .command('enable <id>')
    .description('accepts the client again; sessions that have ended stay ended')
    .action(onOperation(clientOperations.enable, idOf))
  command
    .command('remove <id>')
    .description('removes the client and ends all its sessions; returns when every server has followed')
    .action(onOperation(clientOperations.remove, idOf))
}

/** The operation checks the values. */
const toFields = (options: AddOptions): object => ({
  ...(options.name !== undefined && { name: options.name }),
  ...(options.auth !== undefined && { auth: options.auth }),
  ...(options.redirectUri && { redirect_uris: options.redirectUri }),
  ...(options.grant && { grants: options.grant }),
  ...(options.resource && { resources: options.resource }),
  ...(options.scope && { scopes: options.scope }),
  ...(options.origin && { origins: options.origin }),
  ...(options.firstParty && { first_party: true }),
})
