import pg from 'pg'

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const DUPLICATE_DATABASE = '42P04'
const READ_ONLY_SQL_TRANSACTION = '25006' // a standby: it has what its primary has
const CANNOT_CONNECT_NOW = '57P03' // it starts, stops, or recovers

/** False while it does not answer yet; throws on any other trouble, such as a wrong password. */
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
 * Makes a database beside the one that the URL names, empty or as a copy of a template, and answers its URL. One that
 * exists already is left as it is.
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
  // A server that goes away is reported by the query; without a listener it would also end the process.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(sql)
  } finally {
    await client.end()
  }
}
