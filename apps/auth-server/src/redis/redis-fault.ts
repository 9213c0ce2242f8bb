/** Explanations of replies and connection errors. The first match counts. */
const CURES: readonly [RegExp, string][] = [
  [/^WRONGPASS/, 'Redis refuses the user or the password: correct them in REDIS_URL'],
  [/^NOAUTH/, 'Redis asks for a password and REDIS_URL has none: write it as redis://:password@host:port'],
  [/^NOPERM/, 'The Redis user lacks rights: give it ~heirloom:* and the commands that the server uses'],
  [/^OOM/, 'Redis is full: raise maxmemory'],
  [/^READONLY/, 'Redis is a read-only replica: name the master in REDIS_URL, or the sentinels'],
  [/^MISCONF/, 'Redis rejects writes because it cannot save to its disk: see its log'],
  [/^(NOREPLICAS|MASTERDOWN|CLUSTERDOWN|LOADING|BUSY)/, 'Redis cannot answer now: see its log'],
  [/^ERR DB index/, 'Redis has no database with that number: correct the end of REDIS_URL'],
  [/cluster support disabled/i, 'This Redis is not a cluster: begin REDIS_URL with redis:// or rediss://'],
  [/^(MOVED|ASK) /, 'This Redis is a node of a cluster: begin REDIS_URL with redis-cluster:// or rediss-cluster://'],
  [/sentinel/i, 'The sentinels know no master with that name: correct the name or the sentinels in REDIS_URL'],
  [/ECONNREFUSED/, 'Nothing listens at the host and port in REDIS_URL: start Redis, or correct them'],
  [/ENOTFOUND|EAI_AGAIN/, 'The host name in REDIS_URL cannot be resolved: correct it, or fix the DNS'],
  [/wrong version number|EPROTO/i, 'Redis does not use TLS on that port: begin REDIS_URL with redis://'],
  [/altnames/i, 'The certificate of Redis is for another host: use the name in the certificate in REDIS_URL'],
  [
    /certificate has expired|not yet valid/i,
    'The certificate of Redis is not valid today: renew it, or correct the clock of this machine',
  ],
  [
    /certificate|issuer/i,
    'The certificate of Redis is not trusted: name the file of its CA in REDIS_URL, as ?sslrootcert=/path/ca.pem',
  ],
  [
    /ECONNRESET|EPIPE|hang up/i,
    'Redis closed the connection: if it requires TLS, begin REDIS_URL with rediss://; otherwise see its log',
  ],
  [
    /ETIMEDOUT|timed out/i,
    'Redis did not answer in time: if it does not use TLS, begin REDIS_URL with redis://; otherwise check the host, the port and the network',
  ],
  [/RESP type/, 'The server at the address in REDIS_URL is not Redis: correct the host and the port'],
]

/**
 * The cause and the cure for the operator, in one line. Holds the first word or the code of an error, as the rest may
 * hold an argument. Pure.
 * @param trouble why Redis did not take a write.
 * @param connection the last error of its connection: a command that finds none does not say why there is none.
 */
export function explainRedis(trouble: unknown, connection: unknown): string {
  for (const text of [textOf(trouble), textOf(connection)]) {
    const cure = CURES.find(([pattern]) => pattern.test(text))?.[1]
    const code = /^[A-Z]{3,}(?= )|\bE[A-Z]{4,}\b/.exec(text)?.[0]
    if (cure) return code ? `${cure} (${code})` : cure
  }
  return 'Redis does not answer: see its log'
}

/** For sentinels or a cluster, the first one that failed gives the reason. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const { code, errors } = error as Error & { code?: string; errors?: unknown[] }
  const cause = error.cause ?? errors?.[0]
  return cause instanceof Error ? `${error.message} ${textOf(cause)}` : [error.message, code].filter(Boolean).join(' ')
}
