import { type Database, query } from '../postgres/database.ts'
import type { Attributes } from '../rules/attributes.ts'
import type { EmailAddress } from '../rules/email.ts'

/** A user who comes from elsewhere. */
export interface ImportedUser {
  /** Null: a new one. */
  id: string | null
  username: string
  usernameKey: string
  earlierUsernameKey: string | null
  passwordHash: string | null
  email: EmailAddress | null
  /** Null: the default roles. */
  roles: readonly string[] | null
  attributes: Attributes
  disabled: boolean
  /** RFC 3339, or null for now. */
  createdAt: string | null
  /** SHA-256 of all this, so that another run of the same file knows its own users. */
  sha256: Buffer
}

/**
 * - `imported_before`: from the same line. `imported_otherwise`: from a line with other data.
 * - `deleted`: the user of this id was deleted, and would be once more by `user delete-again`.
 * - `exists`: there is a user of this name who was not imported, or the id belongs to somebody else.
 */
export type ImportOutcome = 'imported' | 'imported_before' | 'imported_otherwise' | 'deleted' | 'exists'

/** Adds users in one statement. Users who are there already stay as they are. The answers are in the order of the users. */
export async function addImported(
  database: Database,
  users: readonly ImportedUser[],
  defaultRoles: readonly string[],
): Promise<ImportOutcome[]> {
  const { users: table, deletedUsers } = database.tables
  const rows = users.map((user, i) => ({
    i,
    id: user.id,
    username: user.username,
    key: user.usernameKey,
    earlier_key: user.earlierUsernameKey,
    password_hash: user.passwordHash,
    email: user.email?.address ?? null,
    email_key: user.email?.key ?? null,
    roles: user.roles ?? defaultRoles,
    attributes: user.attributes,
    disabled: user.disabled,
    created_at: user.createdAt,
    sha256: user.sha256.toString('hex'),
  }))
  const found = await query(
    database.$queryRaw<{ i: number; is_new: boolean; is_deleted: boolean; sha256: string | null }[]>`
    WITH given AS MATERIALIZED (
      SELECT * FROM json_to_recordset(${JSON.stringify(rows)}::json) AS r(i integer, id uuid, username text, key text,
        earlier_key text, password_hash text, email text, email_key text, roles text[], attributes jsonb, disabled boolean,
        created_at timestamptz, sha256 text)
    ), there AS MATERIALIZED (
      SELECT username_key, encode(imported_sha256, 'hex') AS sha256 FROM ${table}
      WHERE username_key IN (SELECT key FROM given UNION SELECT earlier_key FROM given)
    ), deleted AS MATERIALIZED (
      SELECT i FROM given JOIN ${deletedUsers} ON id_sha256 = sha256(uuid_send(given.id))
    ), added AS (
      INSERT INTO ${table} (id, username, username_key, password_hash, email, email_key, roles, attributes, disabled_at,
        created_at, imported_sha256)
      SELECT coalesce(id, gen_random_uuid()), username, key, password_hash, email, email_key, roles, attributes,
        CASE WHEN disabled THEN now() END, coalesce(created_at, now()), decode(sha256, 'hex')
      FROM given WHERE NOT EXISTS (SELECT FROM there WHERE username_key IN (key, earlier_key))
        AND i NOT IN (SELECT i FROM deleted)
      ORDER BY i
      ON CONFLICT DO NOTHING
      RETURNING username_key, encode(imported_sha256, 'hex') AS sha256
    )
    SELECT i, true AS is_new, false AS is_deleted, added.sha256 FROM given JOIN added ON username_key = key
    UNION ALL
    SELECT i, false, false, there.sha256 FROM given JOIN there ON username_key IN (key, earlier_key)
    UNION ALL
    SELECT i, false, true, NULL FROM deleted`,
  )
  const rowOf = new Map(found.map((row) => [row.i, row]))
  const seen = new Set<string>()
  return users.map((user, i) => {
    const row = rowOf.get(i)
    if (row?.is_deleted) return 'deleted'
    // Of two lines of one user, the first is imported.
    const isFirst = !seen.has(user.usernameKey)
    seen.add(user.usernameKey)
    if (!row?.sha256) return 'exists'
    if (row.sha256 !== user.sha256.toString('hex')) return 'imported_otherwise'
    return row.is_new && isFirst ? 'imported' : 'imported_before'
  })
}
