import pg from 'pg'

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const DUPLICATE_DATABASE = '42P04'
const READ_ONLY_SQL_TRANSACTION = '25006' // a standby has the databases of its primary
const CANNOT_CONNECT_NOW = '57P03' // it is starting, stopping or recovering

/** Returns false while it does not answer yet. Throws on other errors, such as a wrong password. */
export async function isUp(url: string): Promise<boolean> {
  try {
    await query(url, 'SELECT 1')
    return true
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === CANNOT_CONNECT_NOW) return false
    throw error
  }
}

/**
 * Creates a database on the same server, empty or as a copy of a template, and returns its URL. An existing one is not
 * changed.
 */
export async function createDatabase(url: string, name: string, template = 'template0'): Promise<string> {
  try {
    await query(url, `CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE ${pg.escapeIdentifier(template)}`)
  } catch (error) {
    const { code } = error as { code?: string }
    if (code !== DUPLICATE_DATABASE && code !== READ_ONLY_SQL_TRANSACTION) throw error
  }
  const created = new URL(url)
  created.pathname = `/${name}`
  return created.href
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  // The query reports a lost connection. Without a listener it would also end the process.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(sql)
  } finally {
    await client.end()
  }
}
