import { createHash, randomBytes } from 'node:crypto'
import { judgeRealmFile } from '../../rules/judge-realm-file.ts'
import type { Client, RealmData } from '../../rules/realm.ts'
import { CLIENT_MEMBERS, type ClientMembers } from '../../rules/realm-file.ts'
import { toClientMembers } from '../../rules/realm-file-data.ts'
import { type Refusal, refuse } from '../refusal.ts'
import type { AdminParts } from './admin-parts.ts'
import { FOLLOWED, changeRealmAs, pageOf, readRealm } from './change-realm-as.ts'

interface ClientId {
  client_id: string
}

/** What a caller may set. A secret is made here, and a client is disabled by a call of its own. */
export type ClientFields = Omit<ClientMembers, 'secret_sha256' | 'disabled'>

export async function listClients(parts: AdminParts, query: { limit?: string; after?: string }) {
  const { rows, ...next } = pageOf((await readRealm(parts)).clients, ({ id }) => id, query)
  return { ok: true as const, clients: rows.map(shownClient), ...next }
}

export async function showClient(parts: AdminParts, { client_id: id }: ClientId) {
  const client = findClient(await readRealm(parts), id)
  return client ? { ok: true as const, ...shownClient(client) } : noClient(id)
}

/** The secret is answered this once. */
export async function addClient(parts: AdminParts, { client_id: id, ...fields }: ClientId & ClientFields) {
  const refused = refusalOfUnknown(fields)
  if (refused) return refused
  const secret = (fields.auth ?? 'none') === 'none' ? null : newSecret()
  const changed = await change(parts, id, (known) =>
    known
      ? refuse('conflict', `there is a client ${JSON.stringify(id)} already`)
      : { ...fields, ...(secret && { secret_sha256: [secret.sha256] }) },
  )
  if (!changed.ok) return changed
  return {
    ...changed.client,
    ...changed.warnings,
    ...(secret && { client_secret: secret.text }),
    ...FOLLOWED,
    ok: true as const,
  }
}

/** What is left out stays as it is. */
export async function changeClient(parts: AdminParts, { client_id: id, ...fields }: ClientId & ClientFields) {
  const refused = refusalOfUnknown(fields)
  if (refused) return refused
  const changed = await changeKnown(parts, id, () => fields)
  return changed.ok ? { ...changed.client, ...changed.warnings, ...FOLLOWED, ok: true as const } : changed
}

/** Another secret, answered this once; the one before stays valid until it is retired. `retire_old` makes none. */
export async function rotateClientSecret(
  parts: AdminParts,
  { client_id: id, retire_old: isLast = false }: ClientId & { retire_old?: boolean },
) {
  const secret = isLast ? null : newSecret()
  const changed = await changeKnown(parts, id, ({ secretHashes }) => {
    const hashes = [...(secret ? [secret.sha256] : []), ...secretHashes]
    return { secret_sha256: hashes.slice(0, secret ? 2 : 1) }
  })
  if (!changed.ok) return changed
  return { ...changed.client, ...(secret && { client_secret: secret.text }), ...FOLLOWED, ok: true as const }
}

export async function disableClient(parts: AdminParts, { client_id: id }: ClientId) {
  const changed = await changeKnown(parts, id, () => ({ disabled: true }))
  return changed.ok ? { ...changed.client, sessions_ended: changed.sessionsEnded, ok: true as const } : changed
}

export async function enableClient(parts: AdminParts, { client_id: id }: ClientId) {
  const changed = await changeKnown(parts, id, () => ({ disabled: false }))
  return changed.ok ? { ...changed.client, ...FOLLOWED, ok: true as const } : changed
}

export async function removeClient(parts: AdminParts, { client_id: id }: ClientId) {
  const changed = await changeRealmAs(parts, (current) =>
    findClient(current, id)
      ? { ok: true, realm: { ...current, clients: current.clients.filter((one) => one.id !== id) } }
      : noClient(id),
  )
  return changed.ok ? { ok: true as const, removed: id, sessions_ended: changed.sessionsEnded } : changed
}

/** A realm file may have more members than a caller may set: hashes of secrets, and whether the client is disabled. */
function refusalOfUnknown(fields: ClientFields): Refusal | null {
  const unknown = Object.keys(fields).find((member) => !Object.hasOwn(CLIENT_MEMBERS, member))
  if (unknown === undefined) return null
  const known = Object.keys(CLIENT_MEMBERS).join(', ')
  return refuse('invalid_request', `${JSON.stringify(unknown)} is unknown here; known are: ${known}`)
}

const findClient = ({ clients }: RealmData, id: string) => clients.find((one) => one.id === id)
const noClient = (id: string) => refuse('not_found', `there is no client ${JSON.stringify(id)}`)

/** 32 random bytes. Only its hash is stored. */
function newSecret(): { text: string; sha256: string } {
  const text = randomBytes(32).toString('base64url')
  return { text, sha256: createHash('sha256').update(text).digest('hex') }
}

/** There is no other way than a realm file, so that all are checked by the same rules. */
async function change(
  parts: AdminParts,
  id: string,
  membersOf: (known: Client | undefined) => ClientMembers | Refusal,
) {
  const changed = await changeRealmAs(parts, (current) => {
    const members = membersOf(findClient(current, id))
    if ('error' in members) return members
    return judgeRealmFile(current, { clients: { [id]: members } }, { prune: false, issuer: parts.core.config.issuer })
  })
  if (!changed.ok) return changed
  // Not as it was decided: Postgres knows the time at which its sessions ended.
  const client = findClient(await readRealm(parts), id)
  return client ? { ...changed, client: shownClient(client) } : noClient(id)
}

const changeKnown = (parts: AdminParts, id: string, members: (known: Client) => ClientMembers) =>
  change(parts, id, (known) => (known ? { ...toClientMembers(known), ...members(known) } : noClient(id)))

export const shownClient = (client: Client) => ({
  id: client.id,
  name: client.name,
  auth: client.auth,
  secrets: client.secretHashes.length,
  redirect_uris: [...client.redirectUris],
  grants: [...client.grants],
  resources: [...client.resources],
  scopes: [...client.scopes],
  origins: [...client.origins],
  first_party: client.firstParty,
  access_token_ttl_seconds: client.policy.accessTokenTtlSeconds,
  refresh_idle_ttl_seconds: client.policy.refreshIdleTtlSeconds,
  refresh_absolute_ttl_seconds: client.policy.refreshAbsoluteTtlSeconds,
  refresh_grace_seconds: client.policy.refreshGraceSeconds,
  refresh_late_repeat_gap: client.policy.refreshLateRepeatGap,
  disabled: client.disabled,
  ended_before: client.endedBefore === null ? null : new Date(client.endedBefore).toISOString(),
})
