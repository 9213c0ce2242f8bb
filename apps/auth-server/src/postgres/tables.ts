import { Prisma } from '../generated/prisma/client.ts'

/** The tables with their schema, for raw SQL. Prisma's own queries also name the schema. */
export function tablesOf(schema: string) {
  const table = (name: string) => Prisma.raw(`"${schema}"."${name}"`)
  return {
    schema,
    migrations: table('_prisma_migrations'),
    families: table('families'),
    history: table('history'),
    redisTrust: table('redis_trust'),
    revocations: table('revocations'),
    securityEvents: table('security_events'),
    accessTokenLifetimes: table('access_token_lifetimes'),
    statusIndexes: table('families_status_index_seq'),
    signingKeys: table('signing_keys'),
    users: table('users'),
    deletedUsers: table('deleted_users'),
    loginFacts: table('login_facts'),
    resources: table('resources'),
    roles: table('roles'),
    clients: table('clients'),
    removedClients: table('removed_clients'),
    realm: table('realm'),
    consents: table('consents'),
  }
}

export type Tables = ReturnType<typeof tablesOf>
