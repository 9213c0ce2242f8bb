import type { Prisma } from '../generated/prisma/client.ts'
import { type Database, query } from '../postgres/database.ts'
import type { AuthMethod, Client, GrantType, RealmData } from '../rules/realm.ts'
import { type RowChange, changesBetween } from '../rules/realm-changes.ts'

export interface ReadRealm {
  data: RealmData
  /** Grows with each change. */
  version: number
  /** The database was served before it had a realm, which was not made yet. */
  predatesRealm: boolean
  /** Clients whose sessions are over, but not all revoked yet. */
  ending: readonly EndingClient[]
}

export type EndingClient = Pick<Client, 'id' | 'endedBefore'>

/** Rows in one statement, so that none takes longer than a statement may. */
const BATCH = 1_000

/** The realm in Postgres. Every method throws `StoreUnavailable` if Postgres gives no answer. */
export class RealmRows {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** The whole realm as it was at one moment. Null if it still has this version: that costs one row. */
  async readUnless(version: number | null): Promise<ReadRealm | null> {
    return this.#read(this.#database, version)
  }

  /**
   * Changes the realm in one transaction. Two changes at once come one after the other, and the second sees the first.
   * @param decide called once, with the realm as it is; answers what it becomes, or null to change nothing.
   *   It must not throw.
   * @param dryRun answers what would change.
   */
  async change(
    decide: (read: ReadRealm) => RealmData | null,
    { dryRun = false }: { dryRun?: boolean } = {},
  ): Promise<readonly RowChange[]> {
    const { realm } = this.#database.tables
    return query(
      this.#database.$transaction(
        async (transaction) => {
          await transaction.$queryRaw`SELECT FROM ${realm} FOR UPDATE`
          // Another statement than the one that locks: it sees what was committed while that one waited.
          const read = await this.#read(transaction, null)
          if (!read) throw new Error('the table `realm` has lost its one row')
          const next = decide(read)
          const changes = next ? changesBetween(read.data, next) : []
          if (next && changes.length > 0 && !dryRun) await this.#write(transaction, read.data, next, changes)
          return changes
        },
        { maxWait: 10_000, timeout: 60_000, isolationLevel: 'ReadCommitted' },
      ),
    )
  }

  /** Notes that the sessions of these clients are revoked, unless a client was disabled once more meanwhile. */
  async haveEnded(clients: readonly EndingClient[]): Promise<void> {
    const rows = clients.map(({ id, endedBefore }) => ({ id, before: new Date(endedBefore ?? 0) }))
    await query(this.#database.$executeRaw`
      UPDATE ${this.#database.tables.clients} AS c SET is_ending = false
      FROM json_to_recordset(${JSON.stringify(rows)}::json) AS r(id text, before timestamptz)
      WHERE c.id = r.id AND c.ended_before = r.before`)
  }

  async #read(database: Prisma.TransactionClient, unless: number | null): Promise<ReadRealm | null> {
    const { realm, resources, roles, clients } = this.#database.tables
    // One statement, so that all of it is of one moment.
    const [row] = await query(database.$queryRaw<RealmRow[]>`
      SELECT version, default_client, default_roles, predates_realm,
        (SELECT coalesce(json_agg(r ORDER BY id COLLATE "C"), '[]') FROM ${resources} AS r) AS resources,
        (SELECT coalesce(json_agg(r ORDER BY name COLLATE "C"), '[]') FROM ${roles} AS r) AS roles,
        (SELECT coalesce(json_agg(c ORDER BY id COLLATE "C"), '[]') FROM ${clients} AS c) AS clients
      FROM ${realm} WHERE version <> ${unless ?? -1}`)
    return row ? toRead(row) : null
  }

  async #write(
    transaction: Prisma.TransactionClient,
    before: RealmData,
    next: RealmData,
    changes: readonly RowChange[],
  ): Promise<void> {
    const { realm, resources, roles, clients, removedClients } = this.#database.tables
    const idsOf = (row: RowChange['row'], isWanted: (change: RowChange['change']) => boolean) =>
      new Set(changes.filter((one) => one.row === row && isWanted(one.change)).map(({ id }) => id))
    const removed = (row: RowChange['row']) => [...idsOf(row, (change) => change === 'removed')]
    const written = <Row>(row: RowChange['row'], rows: readonly Row[], idOf: (one: Row) => string) => {
      const ids = idsOf(row, (change) => change !== 'removed')
      return inBatches(rows.filter((one) => ids.has(idOf(one))))
    }
    await transaction.$executeRaw`DELETE FROM ${resources} WHERE id = ANY (${removed('resource')})`
    await transaction.$executeRaw`DELETE FROM ${roles} WHERE name = ANY (${removed('role')})`
    await transaction.$executeRaw`
      WITH gone AS (DELETE FROM ${clients} WHERE id = ANY (${removed('client')}) RETURNING id)
      INSERT INTO ${removedClients} (id) SELECT id FROM gone ON CONFLICT DO NOTHING`
    for (const rows of written('resource', next.resources, ({ id }) => id))
      await transaction.$executeRaw`
        INSERT INTO ${resources} (id, name, scopes, introspectors, claims, access_token_ttl_seconds)
        SELECT id, name, scopes, introspectors, claims, access_token_ttl_seconds
        FROM json_to_recordset(${JSON.stringify(rows.map(fromResource))}::json) AS r(
          id text, name text, scopes json, introspectors text[], claims json, access_token_ttl_seconds integer)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, scopes = excluded.scopes, claims = excluded.claims,
          introspectors = excluded.introspectors, access_token_ttl_seconds = excluded.access_token_ttl_seconds`
    for (const rows of written('role', next.roles, ({ name }) => name))
      await transaction.$executeRaw`
        INSERT INTO ${roles} (name, scopes)
        SELECT name, scopes FROM json_to_recordset(${JSON.stringify(rows)}::json) AS r(name text, scopes text[])
        ON CONFLICT (name) DO UPDATE SET scopes = excluded.scopes`
    const wasDisabled = new Map(before.clients.map(({ id, disabled }) => [id, disabled]))
    for (const rows of written('client', next.clients, ({ id }) => id)) {
      const recorded = rows.map((client) => ({
        ...fromClient(client),
        is_new: !wasDisabled.has(client.id),
        ends: client.disabled && wasDisabled.get(client.id) !== true,
        begins_again: !client.disabled && wasDisabled.get(client.id) === true,
      }))
      // What a server that had not followed yet issued to a disabled client is over when it begins again, and so is all that was
      // issued to one that was removed. To the second, like the times in tokens: what it gets from now on must count.
      await transaction.$executeRaw`
        INSERT INTO ${clients} AS c (id, name, auth, secret_sha256, redirect_uris, grants, resources, scopes, origins,
          first_party, access_token_ttl_seconds, refresh_idle_ttl_seconds, refresh_absolute_ttl_seconds,
          refresh_grace_seconds, refresh_late_repeat_gap, disabled, ended_before, is_ending)
        SELECT id, name, auth, secret_sha256, redirect_uris, grants, resources, scopes, origins,
          first_party, access_token_ttl_seconds, refresh_idle_ttl_seconds, refresh_absolute_ttl_seconds,
          refresh_grace_seconds, refresh_late_repeat_gap, disabled,
          CASE WHEN ends THEN clock_timestamp()
            WHEN begins_again OR (is_new AND EXISTS (SELECT FROM ${removedClients} AS gone WHERE gone.id = r.id))
              THEN date_trunc('second', clock_timestamp()) END, ends
        FROM json_to_recordset(${JSON.stringify(recorded)}::json) AS r(id text, name text, auth text, secret_sha256 text[],
          redirect_uris text[], grants text[], resources text[], scopes text[], origins text[], first_party boolean,
          access_token_ttl_seconds integer, refresh_idle_ttl_seconds integer, refresh_absolute_ttl_seconds integer,
          refresh_grace_seconds integer, refresh_late_repeat_gap text, disabled boolean, is_new boolean,
          ends boolean, begins_again boolean)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, auth = excluded.auth, secret_sha256 = excluded.secret_sha256,
          redirect_uris = excluded.redirect_uris, grants = excluded.grants, resources = excluded.resources,
          scopes = excluded.scopes, origins = excluded.origins, first_party = excluded.first_party,
          access_token_ttl_seconds = excluded.access_token_ttl_seconds,
          refresh_idle_ttl_seconds = excluded.refresh_idle_ttl_seconds,
          refresh_absolute_ttl_seconds = excluded.refresh_absolute_ttl_seconds,
          refresh_grace_seconds = excluded.refresh_grace_seconds,
          refresh_late_repeat_gap = excluded.refresh_late_repeat_gap, disabled = excluded.disabled,
          ended_before = greatest(c.ended_before, excluded.ended_before), is_ending = c.is_ending OR excluded.is_ending`
    }
    // The time, so that a database that was restored from a backup does not come to a version that a server has seen.
    await transaction.$executeRaw`
      UPDATE ${realm} SET version = greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint),
        default_client = ${next.defaultClient}, default_roles = ${[...next.defaultRoles]}, predates_realm = false`
  }
}

function* inBatches<T>(rows: readonly T[]): Generator<T[]> {
  for (let i = 0; i < rows.length; i += BATCH) yield rows.slice(i, i + BATCH)
}

interface RealmRow {
  version: bigint
  default_client: string | null
  default_roles: string[]
  predates_realm: boolean
  resources: ReturnType<typeof fromResource>[]
  roles: RealmData['roles']
  clients: (ReturnType<typeof fromClient> & { ended_before: string | null; is_ending: boolean })[]
}

function toRead(row: RealmRow): ReadRealm {
  return {
    version: Number(row.version),
    predatesRealm: row.predates_realm,
    ending: row.clients
      .filter(({ is_ending: isEnding }) => isEnding)
      .map(({ id, ended_before: before }) => ({ id, endedBefore: toTime(before) })),
    data: {
      resources: row.resources.map((one) => ({
        id: one.id,
        name: one.name,
        scopes: one.scopes,
        introspectors: one.introspectors,
        claims: one.claims,
        accessTokenTtlSeconds: one.access_token_ttl_seconds,
      })),
      roles: row.roles,
      clients: row.clients.map((one) => ({
        id: one.id,
        name: one.name,
        auth: one.auth as AuthMethod,
        secretHashes: one.secret_sha256,
        redirectUris: one.redirect_uris,
        grants: one.grants as GrantType[],
        resources: one.resources,
        scopes: one.scopes,
        origins: one.origins,
        firstParty: one.first_party,
        policy: {
          accessTokenTtlSeconds: one.access_token_ttl_seconds,
          refreshIdleTtlSeconds: one.refresh_idle_ttl_seconds,
          refreshAbsoluteTtlSeconds: one.refresh_absolute_ttl_seconds,
          refreshGraceSeconds: one.refresh_grace_seconds,
          refreshLateRepeatGap: toGap(one.refresh_late_repeat_gap),
        },
        disabled: one.disabled,
        endedBefore: toTime(one.ended_before),
      })),
      defaultClient: row.default_client,
      defaultRoles: row.default_roles,
    },
  }
}

const toTime = (stored: string | null) => (stored === null ? null : Date.parse(stored))

const toGap = (stored: string | null) => (stored === null || stored === 'off' ? stored : Number(stored))

const fromResource = (one: RealmData['resources'][number]) => ({
  id: one.id,
  name: one.name,
  scopes: one.scopes,
  introspectors: one.introspectors,
  claims: one.claims,
  access_token_ttl_seconds: one.accessTokenTtlSeconds,
})

const fromClient = ({ policy, ...one }: RealmData['clients'][number]) => ({
  id: one.id,
  name: one.name,
  auth: one.auth as string,
  secret_sha256: one.secretHashes,
  redirect_uris: one.redirectUris,
  grants: one.grants as readonly string[],
  resources: one.resources,
  scopes: one.scopes,
  origins: one.origins,
  first_party: one.firstParty,
  access_token_ttl_seconds: policy.accessTokenTtlSeconds,
  refresh_idle_ttl_seconds: policy.refreshIdleTtlSeconds,
  refresh_absolute_ttl_seconds: policy.refreshAbsoluteTtlSeconds,
  refresh_grace_seconds: policy.refreshGraceSeconds,
  refresh_late_repeat_gap: policy.refreshLateRepeatGap === null ? null : String(policy.refreshLateRepeatGap),
  disabled: one.disabled,
})
