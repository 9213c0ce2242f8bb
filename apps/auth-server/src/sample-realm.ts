import { AUTH_SERVER, type Realm, realmOf } from './rules/realm.ts'

/** The realm that the settings `AUDIENCE` and `CLIENT_IDS` describe, with the sample's scopes and roles. */
export function sampleRealm({ audience, clientIds }: { audience: string; clientIds: readonly string[] }): Realm {
  return realmOf({
    resources: [
      {
        id: audience,
        name: audience,
        scopes: { 'reports:read': 'Read reports', 'reports:write': 'Write reports' },
        introspectors: [],
        accessTokenTtlSeconds: null,
      },
    ],
    roles: [
      { name: 'user', scopes: ['reports:read'] },
      { name: 'editor', scopes: ['reports:read', 'reports:write'] },
      { name: 'admin', scopes: ['reports:read', 'reports:write'] },
    ],
    clients: clientIds.map((id) => ({
      id,
      name: id,
      auth: 'none',
      secretHashes: [],
      redirectUris: [],
      grants: ['login', 'refresh_token'],
      resources: [audience, AUTH_SERVER],
      scopes: ['reports:read', 'reports:write'],
      origins: [],
      firstParty: true,
      policy: {
        accessTokenTtlSeconds: null,
        refreshIdleTtlSeconds: null,
        refreshAbsoluteTtlSeconds: null,
        refreshGraceSeconds: null,
        refreshLateRepeatGap: null,
      },
      disabled: false,
      endedBefore: null,
    })),
    defaultClient: clientIds[0] ?? null,
    defaultRoles: ['user'],
  })
}
