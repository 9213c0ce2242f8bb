import { createHash, randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { judgeRealmFile } from '../rules/judge-realm-file.ts'
import type { Client, RealmData } from '../rules/realm.ts'
import { toClientMembers } from '../rules/realm-file-data.ts'
import type { Decided } from '../services/realm/change-realm.ts'
import type { ServerParts } from '../wiring.ts'
import { FOLLOWED, applyChange, readRealm, refused } from './apply-change.ts'
import { type Door, UsageError } from './door.ts'

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

export function clientCommands(program: Command, { onStores }: Door): void {
  const command = program.command('client').description('manages the clients: who may log users in or ask for tokens')
  command
    .command('add <id>')
    .description('registers a client; prints its secret, if it has one, this once')
    .option('--name <name>', 'what people are shown; default: the id')
    .option('--auth <method>', 'none, client_secret_basic or client_secret_post; default: none')
    .option('--redirect-uri <uri...>', 'where a user may be sent back to; may be repeated')
    .option('--grant <grant...>', 'may be repeated; default: authorization_code and refresh_token')
    .option('--resource <id...>', 'a resource that it may ask for; may be repeated')
    .option('--scope <scope...>', 'default: all scopes of its resources; with client_credentials none')
    .option('--origin <origin...>', 'a web origin whose pages use this client; may be repeated')
    .option('--first-party', 'the client is your own: it may log in with passwords, and its tokens carry roles')
    .action(
      onStores(async (parts, id: string, options: AddOptions) => {
        const secret = (options.auth ?? 'none') === 'none' ? null : newSecret()
        const members = {
          ...(options.name !== undefined && { name: options.name }),
          ...(options.auth !== undefined && { auth: options.auth }),
          ...(secret && { secret_sha256: [secret.sha256] }),
          ...(options.redirectUri && { redirect_uris: options.redirectUri }),
          ...(options.grant && { grants: options.grant }),
          ...(options.resource && { resources: options.resource }),
          ...(options.scope && { scopes: options.scope }),
          ...(options.origin && { origins: options.origin }),
          ...(options.firstParty && { first_party: true }),
        }
        const { client, warnings } = await change(parts, id, (current, known) =>
          known ? refused(['clients', id], 'is there already') : withClient(parts, current, id, members),
        )
        return { ...client, ...(secret && { client_secret: secret.text }), ...warnings, ...FOLLOWED }
      }),
    )
  command
    .command('list')
    .description('lists all clients')
    .action(onStores(async (parts) => ({ clients: (await readRealm(parts)).clients.map(shown) })))
  command
    .command('show <id>')
    .description('shows a client')
    .action(
      onStores(async (parts, id: string) => {
        const client = (await readRealm(parts)).clients.find((one) => one.id === id)
        if (!client) throw new UsageError(`there is no client ${JSON.stringify(id)}`)
        return shown(client)
      }),
    )
  command
    .command('rotate-secret <id>')
    .description('makes another secret and prints it this once; the one before stays valid until --retire-old')
    .option('--retire-old', 'makes no secret: only the newest one stays valid')
    .action(
      onStores(async (parts, id: string, options: { retireOld?: true }) => {
        const secret = options.retireOld ? null : newSecret()
        const { client } = await changeKnown(parts, id, (known) => {
          const hashes = [...(secret ? [secret.sha256] : []), ...known.secretHashes]
          return { secret_sha256: hashes.slice(0, secret ? 2 : 1) }
        })
        return { ...client, ...(secret && { client_secret: secret.text }), ...FOLLOWED }
      }),
    )
  command
    .command('disable <id>')
    .description('refuses the client and ends all its sessions; returns when every server has followed')
    .action(
      onStores(async (parts, id: string) => {
        const { client, sessionsEnded } = await changeKnown(parts, id, () => ({ disabled: true }))
        return { ...client, sessions_ended: sessionsEnded }
      }),
    )
  command
    .command('enable <id>')
    .description('takes the client again; the sessions that ended stay over')
    .action(
      onStores(async (parts, id: string) => {
        const { client } = await changeKnown(parts, id, () => ({ disabled: false }))
        return { ...client, ...FOLLOWED }
      }),
    )
  command
    .command('remove <id>')
    .description('removes the client and ends all its sessions; returns when every server has followed')
    .action(
      onStores(async (parts, id: string) => {
        const without = (current: RealmData): Decided => {
          const clients = current.clients.filter((one) => one.id !== id)
          return clients.length === current.clients.length ? missing(id) : { ok: true, realm: { ...current, clients } }
        }
        const { sessionsEnded } = await applyChange(parts, without)
        return { removed: id, sessions_ended: sessionsEnded }
      }),
    )
}

/** 32 random bytes. Only its hash is stored. */
function newSecret(): { text: string; sha256: string } {
  const text = randomBytes(32).toString('base64url')
  return { text, sha256: createHash('sha256').update(text).digest('hex') }
}

const missing = (id: string) => refused(['clients', id], 'is not there')

/** A command has no other way than a realm file, so that all are checked by the same rules. */
const withClient = ({ core }: ServerParts, current: RealmData, id: string, members: object): Decided =>
  judgeRealmFile(current, { clients: { [id]: members } }, { prune: false, issuer: core.config.issuer })

async function change(
  parts: ServerParts,
  id: string,
  decide: (current: RealmData, known: Client | undefined) => Decided,
) {
  const find = ({ clients }: RealmData) => clients.find((one) => one.id === id)
  const { sessionsEnded, warnings } = await applyChange(parts, (current) => decide(current, find(current)))
  // Not as it was decided: Postgres knows the time at which its sessions ended.
  const client = find(await readRealm(parts))
  return { client: client && shown(client), sessionsEnded, warnings }
}

const changeKnown = (parts: ServerParts, id: string, members: (known: Client) => object) =>
  change(parts, id, (current, known) =>
    known ? withClient(parts, current, id, { ...toClientMembers(known), ...members(known) }) : missing(id),
  )

const shown = (client: Client) => ({
  id: client.id,
  name: client.name,
  auth: client.auth,
  secrets: client.secretHashes.length,
  redirect_uris: client.redirectUris,
  grants: client.grants,
  resources: client.resources,
  scopes: client.scopes,
  origins: client.origins,
  first_party: client.firstParty,
  access_token_ttl_seconds: client.policy.accessTokenTtlSeconds,
  refresh_idle_ttl_seconds: client.policy.refreshIdleTtlSeconds,
  refresh_absolute_ttl_seconds: client.policy.refreshAbsoluteTtlSeconds,
  refresh_grace_seconds: client.policy.refreshGraceSeconds,
  refresh_late_repeat_gap: client.policy.refreshLateRepeatGap,
  disabled: client.disabled,
  ended_before: client.endedBefore === null ? null : new Date(client.endedBefore).toISOString(),
})
