import { judgeRealmFile } from '../../rules/judge-realm-file.ts'
import type { RealmData, Resource } from '../../rules/realm.ts'
import type { RealmFile } from '../../rules/realm-file.ts'
import { type Refusal, refuse } from '../refusal.ts'
import type { AdminParts } from './admin-parts.ts'
import { FOLLOWED, changeRealmAs, readRealm } from './change-realm-as.ts'

type ResourceFields = NonNullable<RealmFile['resources']>[string]

export async function listResources(parts: AdminParts) {
  return { ok: true as const, resources: (await readRealm(parts)).resources.map(shownResource) }
}

interface ResourceId {
  resource_id: string
}

export const addResource = (parts: AdminParts, { resource_id: id, ...fields }: ResourceId & ResourceFields) =>
  setResource(parts, id, fields, (isThere) =>
    isThere ? refuse('conflict', `there is a resource ${JSON.stringify(id)} already`) : null,
  )

/** Replaces all that the resource has. */
export const changeResource = (parts: AdminParts, { resource_id: id, ...fields }: ResourceId & ResourceFields) =>
  setResource(parts, id, fields, (isThere) => (isThere ? null : noResource(id)))

async function setResource(
  parts: AdminParts,
  id: string,
  fields: ResourceFields,
  refusalOf: (isThere: boolean) => Refusal | null,
) {
  const changed = await changeRealmAs(
    parts,
    (current) =>
      refusalOf(current.resources.some((one) => one.id === id)) ??
      judge(parts, current, { resources: { [id]: fields } }),
  )
  if (!changed.ok) return changed
  const resource = changed.realm.resources.find((one) => one.id === id)
  return resource ? { ok: true as const, ...shownResource(resource), ...FOLLOWED } : noResource(id)
}

const noResource = (id: string) => refuse('not_found', `there is no resource ${JSON.stringify(id)}`)

export async function removeResource(parts: AdminParts, { resource_id: id }: ResourceId) {
  const changed = await changeRealmAs(parts, (current) => {
    const resources = current.resources.filter((one) => one.id !== id)
    if (resources.length === current.resources.length) return noResource(id)
    return { ok: true, realm: { ...current, resources } }
  })
  return changed.ok ? { ok: true as const, removed: id, ...FOLLOWED } : changed
}

export async function listRoles(parts: AdminParts) {
  const { roles } = await readRealm(parts)
  return { ok: true as const, roles: roles.map(({ name, scopes }) => ({ name, scopes: [...scopes] })) }
}

/** Makes a role, or sets the scopes of one. */
export async function setRole(parts: AdminParts, { role, scopes }: { role: string; scopes: string[] }) {
  const changed = await changeRealmAs(parts, (current) => judge(parts, current, { roles: { [role]: scopes } }))
  return changed.ok ? { ok: true as const, name: role, scopes, ...FOLLOWED } : changed
}

export async function removeRole(parts: AdminParts, { role }: { role: string }) {
  const changed = await changeRealmAs(parts, (current) => {
    const roles = current.roles.filter(({ name }) => name !== role)
    if (roles.length === current.roles.length) return refuse('not_found', `there is no role ${JSON.stringify(role)}`)
    return { ok: true, realm: { ...current, roles } }
  })
  return changed.ok ? { ok: true as const, removed: role, ...FOLLOWED } : changed
}

/** There is no other way than a realm file, so that all are checked by the same rules. */
const judge = ({ core }: AdminParts, current: RealmData, file: RealmFile) =>
  judgeRealmFile(current, file, { prune: false, issuer: core.config.issuer })

const shownResource = (resource: Resource) => ({
  id: resource.id,
  name: resource.name,
  scopes: { ...resource.scopes },
  introspectors: [...resource.introspectors],
  claims: { ...resource.claims },
  access_token_ttl_seconds: resource.accessTokenTtlSeconds,
})
