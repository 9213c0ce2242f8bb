import type { Client, RealmData } from './realm.ts'
import type { ClientMembers, RealmFile } from './realm-file.ts'

/**
 * The realm that a file makes of the present one. A row of the file takes the place of the row with its id. Other rows stay,
 * or go if `prune`. A client's secrets, and whether it is disabled, stay unless the file says otherwise.
 */
export function applyFile(current: RealmData, file: RealmFile, { prune }: { prune: boolean }): RealmData {
  const kept = <Row>(rows: readonly Row[], idOf: (one: Row) => string, named: object | undefined) =>
    prune ? [] : rows.filter((one) => !Object.hasOwn(named ?? {}, idOf(one)))
  const resources = [
    ...kept(current.resources, ({ id }) => id, file.resources),
    ...Object.entries(file.resources ?? {}).map(([id, members]) => ({
      id,
      name: members.name ?? id,
      scopes: members.scopes,
      introspectors: members.introspectors ?? [],
      claims: members.claims ?? {},
      accessTokenTtlSeconds: members.access_token_ttl_seconds ?? null,
    })),
  ]
  const before = new Map(current.clients.map((client) => [client.id, client]))
  return {
    resources,
    roles: [
      ...kept(current.roles, (role) => role.name, file.roles),
      ...Object.entries(file.roles ?? {}).map(([role, scopes]) => ({ name: role, scopes })),
    ],
    clients: [
      ...kept(current.clients, ({ id }) => id, file.clients),
      ...Object.entries(file.clients ?? {}).map(([id, members]) => clientOf(id, members, before.get(id), resources)),
    ],
    defaultClient: file.default_client ?? (prune ? null : current.defaultClient),
    defaultRoles: file.default_roles ?? (prune ? [] : current.defaultRoles),
  }
}

/** A client of the members that are given; the others have their defaults. @param before as it is now, if it is there. */
export function clientOf(
  id: string,
  members: ClientMembers,
  before: Client | undefined,
  resourceRows: RealmData['resources'],
): Client {
  const { auth = 'none', grants = ['authorization_code', 'refresh_token'], resources = [] } = members
  // A token without a user gets nothing that nobody asked for.
  const ofResources = grants.includes('client_credentials')
    ? []
    : resources.flatMap((one) => Object.keys(resourceRows.find((resource) => resource.id === one)?.scopes ?? {}))
  return {
    id,
    name: members.name ?? id,
    auth,
    secretHashes: members.secret_sha256 ?? (auth === 'none' ? [] : (before?.secretHashes ?? [])),
    redirectUris: members.redirect_uris ?? [],
    grants,
    resources,
    scopes: members.scopes ?? ofResources,
    origins: members.origins ?? [],
    firstParty: members.first_party ?? false,
    policy: {
      accessTokenTtlSeconds: members.access_token_ttl_seconds ?? null,
      refreshIdleTtlSeconds: members.refresh_idle_ttl_seconds ?? null,
      refreshAbsoluteTtlSeconds: members.refresh_absolute_ttl_seconds ?? null,
      refreshGraceSeconds: members.refresh_grace_seconds ?? null,
      refreshLateRepeatGap: members.refresh_late_repeat_gap ?? null,
    },
    disabled: members.disabled ?? before?.disabled ?? false,
    endedBefore: before?.endedBefore ?? null,
  }
}

/** The file that makes this realm. What has its default is left out. */
export function toFile({ resources, roles, clients, defaultClient, defaultRoles }: RealmData): RealmFile {
  return {
    resources: tableOf(resources, (one) => [
      one.id,
      {
        ...(one.name !== one.id && { name: one.name }),
        scopes: one.scopes,
        ...(one.introspectors.length > 0 && { introspectors: [...one.introspectors] }),
        ...(Object.keys(one.claims).length > 0 && { claims: one.claims }),
        ...(one.accessTokenTtlSeconds !== null && { access_token_ttl_seconds: one.accessTokenTtlSeconds }),
      },
    ]),
    roles: tableOf(roles, (one) => [one.name, [...one.scopes]]),
    clients: tableOf(clients, (one) => [one.id, toClientMembers(one)]),
    ...(defaultClient !== null && { default_client: defaultClient }),
    default_roles: [...defaultRoles],
  }
}

/** `__proto__` may be an id. */
const tableOf = <Row, Members>(rows: readonly Row[], entry: (one: Row) => [string, Members]): Record<string, Members> =>
  Object.fromEntries(rows.map(entry))

export function toClientMembers({ policy, ...client }: Client): ClientMembers {
  return {
    ...(client.name !== client.id && { name: client.name }),
    auth: client.auth,
    ...(client.secretHashes.length > 0 && { secret_sha256: [...client.secretHashes] }),
    ...(client.redirectUris.length > 0 && { redirect_uris: [...client.redirectUris] }),
    grants: [...client.grants],
    resources: [...client.resources],
    scopes: [...client.scopes],
    ...(client.origins.length > 0 && { origins: [...client.origins] }),
    ...(client.firstParty && { first_party: true }),
    ...(client.disabled && { disabled: true }),
    ...(policy.accessTokenTtlSeconds !== null && { access_token_ttl_seconds: policy.accessTokenTtlSeconds }),
    ...(policy.refreshIdleTtlSeconds !== null && { refresh_idle_ttl_seconds: policy.refreshIdleTtlSeconds }),
    ...(policy.refreshAbsoluteTtlSeconds !== null && {
      refresh_absolute_ttl_seconds: policy.refreshAbsoluteTtlSeconds,
    }),
    ...(policy.refreshGraceSeconds !== null && { refresh_grace_seconds: policy.refreshGraceSeconds }),
    ...(policy.refreshLateRepeatGap !== null && { refresh_late_repeat_gap: policy.refreshLateRepeatGap }),
  }
}
