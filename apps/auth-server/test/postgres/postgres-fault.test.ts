import { describe, expect, test } from 'vitest'
import { explainPostgres } from '../../src/postgres/postgres-fault.ts'

/** As pg throws it. Prisma's adapter wraps it. */
const pg = (code: string, message = '') => ({ name: 'error', code, message, severity: 'FATAL' })
const prisma = (cause: object) => ({
  name: 'PrismaClientKnownRequestError',
  code: 'P2010',
  meta: { driverAdapterError: { cause } },
})

const PERMANENT: [string, unknown, RegExp][] = [
  ['a wrong password', pg('28P01'), /password/],
  ['a role that may not log in', pg('28000', 'role "a" is not permitted to log in'), /role "a"/],
  [
    'no password',
    { message: 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string' },
    /DATABASE_URL has none/,
  ],
  ['no such database', pg('3D000', 'database "a" does not exist'), /create it/],
  ['a table that is missing', pg('42P01', 'relation "families" does not exist'), /npm run migrate/],
  ['a column that is missing', pg('42703', 'column "a" does not exist'), /npm run migrate/],
  ['too few privileges', pg('42501', 'permission denied for table users'), /GRANT/],
  ['a parameter that Postgres does not know', pg('42704', 'unrecognized configuration parameter "a"'), /remove it/],
  ['a pooler that refuses a parameter', pg('08P01', 'unsupported startup parameter: a'), /ignore_startup_parameters/],
  ['a pooler that knows no such user', pg('08P01', 'no such user: a'), /auth_file/],
  [
    'a pooler that mixes up statements',
    pg('26000', 'prepared statement "a" does not exist'),
    /max_prepared_statements/,
  ],
  ['a private certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT', message: 'self-signed certificate' }, /sslrootcert/],
  ['a certificate of an unknown authority', { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', message: '' }, /sslrootcert/],
  ['the same by the adapter', prisma({ kind: 'TlsConnectionError', reason: 'self-signed certificate' }), /sslrootcert/],
  ['an expired certificate', { code: 'CERT_HAS_EXPIRED', message: 'certificate has expired' }, /renew/],
  [
    'a certificate for another host',
    { code: 'ERR_TLS_CERT_ALTNAME_INVALID', message: "does not match certificate's altnames" },
    /another host/,
  ],
  ['no TLS there', { message: 'The server does not support SSL connections' }, /does not use TLS/],
  ['a value that does not fit', pg('22P02', 'invalid input syntax for type uuid: "hunter2"'), /refuses a query/],
  [
    'a fault of the program',
    { name: 'PrismaClientValidationError', message: 'Invalid invocation hunter2' },
    /which is a bug/,
  ],
]

const PASSING: [string, unknown][] = [
  ['a connection that failed', pg('08006')],
  ['a pooler whose clients wait too long', pg('08P01', 'query_wait_timeout')],
  ['a serialization failure', pg('40001')],
  ['a deadlock', pg('40P01')],
  ['a full disk', pg('53100')],
  ['too many connections', pg('53300')],
  ['a lock that is not available', pg('55P03')],
  ['a statement that takes too long', pg('57014')],
  ['a shutdown', pg('57P01')],
  ['a start', pg('57P03')],
  ['a standby, for as long as nothing else takes over', pg('25006')],
  ['a plan that a migration made stale', pg('0A000', 'cached plan must not change result type')],
  ['nothing listens', { code: 'ECONNREFUSED', message: '' }],
  ['nothing listens, by the adapter', prisma({ kind: 'DatabaseNotReachable', host: '127.0.0.1', port: 1 })],
  ['a reset', { code: 'ECONNRESET', message: '' }],
  ['a broken pipe', { code: 'EPIPE', message: '' }],
  ['a name that is not known', { code: 'ENOTFOUND', message: '' }],
  ['a connection that takes too long', { message: 'Connection terminated due to connection timeout' }],
  ['a query that takes too long', { message: 'Query read timeout' }],
  ['a pool that is busy', { name: 'PrismaClientKnownRequestError', code: 'P2024', message: '' }],
  ['an unknown error', new Error('?')],
]

describe('a mistake by the operator is explained', () => {
  test.each(PERMANENT)('%s', (_, error, cure) => {
    const { isPassing, description } = explainPostgres(error)
    expect([isPassing, description]).toEqual([false, expect.stringMatching(cure)])
    expect(description).not.toContain('hunter2')
  })
})

describe('an error that may pass by itself is retried', () => {
  test.each(PASSING)('%s', (_, error) => {
    expect(explainPostgres(error).isPassing).toBe(true)
  })
})
