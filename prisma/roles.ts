// Creates the two roles that Heirloom needs in Postgres, so that no server has more rights than it needs.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import pg from 'pg'

interface RoleUrls {
  /** The URL of a superuser, or of a role that owns the database and may create roles. */
  adminUrl: string
  /** Owns the database and its tables, for `migrate`. */
  ownerUrl: string
  /** Reads and writes rows, for the servers and the admin command. `migrate` grants it each table. */
  serverUrl: string
}

/**
 * Creates both roles, or changes their passwords, so that they match their URLs. The owner gets the database and everything
 * in its schema `public`. It may be run again, and on a database that a superuser created. Throws, with one line, if a role
 * exists and has more rights than it should.
 */
export async function prepareRoles({ adminUrl, ownerUrl, serverUrl }: RoleUrls): Promise<void> {
  const [owner, server] = [credentialsOf(ownerUrl), credentialsOf(serverUrl)]
  if (owner.name === server.name) throw new Error('the owner and the server must be two roles')
  const client = new pg.Client({ connectionString: adminUrl })
  client.on('error', () => {}) // the query reports a lost connection
  try {
    await client.connect()
    await client.query('BEGIN')
    for (const role of [owner, server]) await makeRole(client, role)
    const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name')
    const database = pg.escapeIdentifier(rows[0]?.name ?? '')
    const to = pg.escapeIdentifier(owner.name)
    await client.query(`ALTER DATABASE ${database} OWNER TO ${to}`)
    await client.query(`REVOKE TEMPORARY ON DATABASE ${database} FROM PUBLIC`)
    await client.query(`ALTER SCHEMA public OWNER TO ${to}`)
    await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC')
    for (const statement of await tablesOfOthers(client, owner.name)) await client.query(statement)
    await client.query('COMMIT')
  } finally {
    await client.end()
  }
}

/**
 * What `migrate` grants the servers, as the owner of the tables: rows, and no more. It includes tables of later migrations,
 * in case something else applies them.
 */
export async function grantToServer(client: pg.Client, schemaName: string, serverRole: string): Promise<void> {
  const [schema, role] = [pg.escapeIdentifier(schemaName), pg.escapeIdentifier(serverRole)]
  await client.query(`
    GRANT USAGE ON SCHEMA ${schema} TO ${role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role};
    REVOKE ALL ON ${schema}._prisma_migrations FROM ${role};
    GRANT SELECT ON ${schema}._prisma_migrations TO ${role};
    GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role};
    ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${role};
    ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO ${role}`)
}

interface Credentials {
  name: string
  password: string
}

function credentialsOf(url: string): Credentials {
  const { username, password } = new URL(url)
  if (username === '' || password === '') throw new Error('the URL of a role must contain its name and its password')
  return { name: decodeURIComponent(username), password: decodeURIComponent(password) }
}

async function makeRole(client: pg.Client, { name, password }: Credentials): Promise<void> {
  const { rows } = await client.query<{ powerful: boolean }>(
    'SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS powerful FROM pg_roles WHERE rolname = $1',
    [name],
  )
  if (rows[0]?.powerful)
    throw new Error(`the role ${name} exists and has more rights than it should: choose another one`)
  const verb = rows.length > 0 ? 'ALTER' : 'CREATE'
  const stored = pg.escapeLiteral(scramVerifier(password))
  await client.query(`${verb} ROLE ${pg.escapeIdentifier(name)} LOGIN PASSWORD ${stored}`)
}

/**
 * What Postgres stores of a password (RFC 5803). It is computed here, so that the password is in no statement and no log.
 * SASLprep does not change ASCII.
 */
function scramVerifier(password: string): string {
  if (!/^[\x21-\x7e]+$/.test(password)) throw new Error('the passwords of the roles must be ASCII without spaces')
  const [iterations, salt] = [4096, randomBytes(16)]
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`
}

/** Statements that make the owner own what others own. The sequence of a column follows its table. */
async function tablesOfOthers(client: pg.Client, owner: string): Promise<string[]> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT format('ALTER TABLE public.%I OWNER TO %I', tablename, $1::text) AS statement
       FROM pg_tables WHERE schemaname = 'public' AND tableowner <> $1`,
    [owner],
  )
  return rows.map(({ statement }) => statement)
}

if (import.meta.main) {
  try {
    const url = (name: string) => {
      const value = process.env[name]
      if (!value) throw new Error(`${name} is not set`)
      return value
    }
    await prepareRoles({
      adminUrl: url('DATABASE_ADMIN_URL'),
      ownerUrl: url('DATABASE_OWNER_URL'),
      serverUrl: url('DATABASE_URL'),
    })
    console.log('Both roles exist. Next: npm run migrate.')
  } catch (error) {
    console.error(`roles: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
