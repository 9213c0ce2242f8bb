import { type Database, query } from '../postgres/database.ts'
import type { Allowed } from '../rules/decide-authorize.ts'

/** What a user allows a client. Both lists are empty while a withdrawal is under way. */
export interface Consent extends Allowed {
  id: string
  clientId: string
  createdAt: Date
}

/** What users have allowed clients: one row for each user and client. Throws `StoreUnavailable` if Postgres gives no answer. */
export class Consents {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Null if the user has never allowed this client anything. */
  async find(userId: string, clientId: string): Promise<Consent | null> {
    return query(this.#database.consent.findUnique({ where: { userId_clientId: { userId, clientId } } }))
  }

  /** Those of a user, newest first. There are at most as many as clients. */
  async ofUser(userId: string): Promise<Consent[]> {
    return query(
      this.#database.consent.findMany({ where: { userId }, orderBy: [{ createdAt: 'desc' }, { id: 'asc' }] }),
    )
  }

  /** Adds to what the user allows the client. Does nothing if the client was removed. */
  async add(userId: string, clientId: string, { resources, scopes }: Allowed): Promise<void> {
    const { consents, clients } = this.#database.tables
    await query(this.#database.$executeRaw`
      INSERT INTO ${consents} AS c (user_id, client_id, resources, scopes)
      SELECT ${userId}::uuid, id, ${resources}, ${scopes} FROM ${clients} WHERE id = ${clientId}
      ON CONFLICT (user_id, client_id) DO UPDATE SET
        resources = ARRAY(SELECT DISTINCT unnest(c.resources || excluded.resources) ORDER BY 1),
        scopes = ARRAY(SELECT DISTINCT unnest(c.scopes || excluded.scopes) ORDER BY 1)`)
  }

  /** Empties a consent of this user, and answers its client. Null if the user has no such consent. `id` must be a UUID. */
  async empty(userId: string, id: string): Promise<string | null> {
    const emptied = { resources: [], scopes: [] }
    const [row] = await query(this.#database.consent.updateManyAndReturn({ where: { id, userId }, data: emptied }))
    return row?.clientId ?? null
  }

  /** Deletes a consent that is still empty. */
  async removeEmpty(id: string): Promise<void> {
    const empty = { equals: [] }
    await query(this.#database.consent.deleteMany({ where: { id, resources: empty, scopes: empty } }))
  }
}
