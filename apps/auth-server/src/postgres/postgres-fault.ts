/** An error of Postgres, explained. It may hold identifiers of the schema, but never a value or a parameter of a query. */
export interface Explained {
  /** An SQLSTATE, a code of Node, or one of our own in lower case. */
  code: string
  /** The next attempt may succeed without anyone doing anything. */
  isPassing: boolean
  /** For the operator: the cause and the cure, in one line. */
  description: string
}

interface Known {
  /** Matches the code. The first two characters of an SQLSTATE are its class. */
  codes: RegExp
  /** Matches the message too, if the code alone says too little. */
  message?: RegExp
  isPassing?: true
  description: string
  /** Postgres' message names tables, roles or parameters, and nothing else. */
  isQuoted?: true
}

const GRANTS = 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public'

/** The first match counts. Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const KNOWN: readonly Known[] = [
  { codes: /^28P01$/, description: 'Postgres refuses the password: correct the user or the password in DATABASE_URL' },
  {
    codes: /^no_password$/,
    description:
      'Postgres asks for a password and DATABASE_URL has none: write it as postgres://user:password@host/database',
  },
  {
    codes: /^28/,
    description: 'Postgres does not let the user of DATABASE_URL in: correct the user, the role or pg_hba.conf',
    isQuoted: true,
  },
  {
    codes: /^3D000$/,
    description: 'Postgres has no database with that name: create it, or correct the name in DATABASE_URL',
    isQuoted: true,
  },
  {
    codes: /^08P01$/,
    message: /unsupported startup parameter/i,
    description:
      'The pooler refuses a start-up parameter: name it in ignore_startup_parameters of PgBouncer, or remove it from DATABASE_URL',
    isQuoted: true,
  },
  {
    // PgBouncer also uses this code for passing errors.
    codes: /^08P01$/,
    message: /no such (user|database)|not allowed|authentication failed|auth failed/i,
    description: 'The pooler does not let the user of DATABASE_URL in: correct the user, the database or its auth_file',
    isQuoted: true,
  },
  {
    codes: /^(42704|22023|55P02)$/,
    message: /parameter/,
    description: 'Postgres refuses a parameter of the connection: remove it from DATABASE_URL',
    isQuoted: true,
  },
  {
    codes: /^(42P01|42703|3F000|42883|42704)$/,
    description: 'The database lacks the schema of this version: run `npm run migrate`',
    isQuoted: true,
  },
  {
    codes: /^42501$/,
    description: `The user of DATABASE_URL lacks privileges: let it own the tables, or \`${GRANTS}\` to it`,
    isQuoted: true,
  },
  {
    codes: /^25006$/,
    isPassing: true,
    description: 'Postgres is read-only: DATABASE_URL must name the primary, and the primary must take writes',
  },
  {
    codes: /^(26000|42P05|08P01)$/,
    message: /prepared statement/,
    description:
      'A pooler mixes up prepared statements: set max_prepared_statements in PgBouncer (1.21 or newer), or pool sessions',
  },
  // A migration changed the table while the connection was open.
  { codes: /^0A000$/, message: /cached plan/, isPassing: true, description: 'Postgres must plan a statement again' },
  {
    codes: /^53300$/,
    isPassing: true,
    description: 'Postgres has no free connection: lower DATABASE_POOL_SIZE, or raise max_connections',
  },
  { codes: /^53[12]00$/, isPassing: true, description: 'Postgres has run out of disk space or memory: give it more' },
  { codes: /^57014$/, isPassing: true, description: 'A statement took too long: check what Postgres waits for' },
  { codes: /^57P03$/, isPassing: true, description: 'Postgres is starting, stopping or recovering' },
  { codes: /^(08|40|53|57)|^(55P03|55006|25P03|25P04)$/, isPassing: true, description: 'Postgres cannot answer now' },
  {
    codes: /^(tls|.*CERT.*|ERR_TLS.*|HOSTNAME_MISMATCH|UNABLE_TO_.*)$/,
    message: /expired|not yet valid/,
    description: 'The certificate of Postgres is not valid today: renew it, or correct the clock of this machine',
  },
  {
    codes: /^(tls|ERR_TLS_CERT_ALTNAME.*|HOSTNAME_MISMATCH)$/,
    message: /altnames|hostname/i,
    description: 'The certificate of Postgres is for another host: use the name in the certificate in DATABASE_URL',
  },
  {
    codes: /^tls$/,
    message: /does not support SSL/,
    description:
      'Postgres does not use TLS on that port: turn `ssl` on in Postgres, or remove sslmode from DATABASE_URL',
  },
  {
    codes: /^tls$/,
    message: /error establishing/,
    description: 'The server at the address in DATABASE_URL is not Postgres: correct the host and the port',
  },
  {
    codes: /^(tls|.*CERT.*|ERR_TLS.*|ERR_SSL.*|ERR_OSSL.*|UNABLE_TO_.*|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH)$/,
    description:
      'The certificate of Postgres is not trusted: name the file of its CA in DATABASE_URL, as ?sslmode=verify-full&sslrootcert=/path/ca.pem',
  },
  {
    codes: /^ECONNREFUSED$/,
    isPassing: true,
    description: 'Nothing listens at the host and port in DATABASE_URL: start Postgres, or correct them',
  },
  {
    codes: /^(ENOTFOUND|EAI_AGAIN)$/,
    isPassing: true,
    description: 'The host name in DATABASE_URL cannot be resolved: correct it, or fix the DNS',
  },
  {
    codes: /^ERR_INVALID_URL$/,
    description: 'DATABASE_URL is not a valid URL: percent-encode reserved characters in the user and the password',
  },
  {
    codes: /^(E(?!RR_)[A-Z_]+|closed|timeout)$/,
    isPassing: true,
    description:
      'Postgres did not answer in time, or closed the connection: check the host and the port in DATABASE_URL',
  },
  { codes: /^program$/, description: 'A query of this server is wrong, which is a bug: report it' },
  {
    codes: /^unknown$/,
    isPassing: true,
    description: 'Postgres did not answer, for a reason that the driver does not name',
  },
]

const REST: Omit<Known, 'codes'> = {
  description: 'Postgres refuses a query of this server: the log of Postgres has the query',
}

/** Explains what a query, a connection or the driver threw. Pure. */
export function explainPostgres(error: unknown): Explained {
  const { code, message } = read(error)
  const known = KNOWN.find(({ codes, message: part }) => codes.test(code) && (!part || part.test(message)))
  const { description, isPassing, isQuoted }: Omit<Known, 'codes'> = known ?? REST
  return {
    code,
    isPassing: isPassing === true,
    description: `${description} (${code}${isQuoted ? `: ${message}` : ''})`,
  }
}

interface Thrown {
  name?: string
  code?: string
  message?: string
  cause?: unknown
  meta?: { driverAdapterError?: { cause?: AdapterCause } }
}

/** The cause as @prisma/adapter-pg wraps it. */
interface AdapterCause {
  kind?: string
  originalCode?: string
  originalMessage?: string
  reason?: string
  port?: number
}

function read(error: unknown): { code: string; message: string } {
  const { name = '', code = '', message = '', cause, meta } = (error ?? {}) as Thrown
  const adapted = meta?.driverAdapterError?.cause
  if (adapted) return readAdapted(adapted)
  if (/^[0-9A-Z]{5}$/.test(code) && !code.startsWith('P2') && !code.startsWith('P1')) return { code, message }
  if (/^SASL: .*password must be/.test(message)) return { code: 'no_password', message }
  if (/SSL connection/.test(message)) return { code: 'tls', message }
  // Prisma: a time-out of its pool or of a transaction, or a conflict of two transactions.
  if (/^(P1001|P1002|P1008|P1017|P2024|P2028|P2034)$/.test(code)) return { code: 'timeout', message }
  if (/^[A-Z][A-Z_]+$/.test(code)) return { code, message }
  if (/time(d )?-?out/i.test(message)) return { code: 'timeout', message }
  if (/terminated|not queryable|ended|closed/i.test(message)) return { code: 'closed', message }
  if (/Validation|^(Type|Range|Syntax|Reference)Error/.test(name) || code.startsWith('P2'))
    return { code: 'program', message }
  return cause ? read(cause) : { code: 'unknown', message }
}

function readAdapted({ kind, originalCode, originalMessage = '', reason = '', port }: AdapterCause) {
  if (originalCode !== undefined) return { code: originalCode, message: originalMessage }
  if (kind === 'TlsConnectionError') return { code: 'tls', message: reason }
  if (kind === 'DatabaseNotReachable') return { code: port === undefined ? 'ENOTFOUND' : 'ECONNREFUSED', message: '' }
  if (kind === 'SocketTimeout') return { code: 'timeout', message: '' }
  return { code: kind === 'ConnectionClosed' ? 'closed' : 'unknown', message: '' }
}

/** Describes a Postgres that answers but takes no writes. */
export const READ_ONLY_DESCRIPTION = explainPostgres({ code: '25006' }).description

/** Postgres refuses what this server needs, until an operator fixes the cause. */
export class PostgresFault extends Error {
  readonly code: string

  /** Does not keep the original error as its cause: the text may hold values. */
  constructor({ code, description }: Pick<Explained, 'code' | 'description'>) {
    super(description)
    this.code = code
  }
}
