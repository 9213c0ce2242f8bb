import { type TlsFiles, readTlsFiles } from '../connection/tls-files.ts'
import { PERCENT_ENCODE, assertWholeUrl } from '../connection/url-faults.ts'

interface RedisHost {
  host: string
  port: number
}

export interface RedisAddress {
  kind: 'single' | 'cluster' | 'sentinel'
  /** One Redis, some nodes of the cluster, or the sentinels. */
  hosts: readonly [RedisHost, ...RedisHost[]]
  /** The same for each Redis. */
  login: { username?: string; password?: string; db?: number; tls?: TlsFiles }
  /** The name of the master, and the login of the sentinels themselves. */
  sentinel: { name: string; username?: string; password?: string }
}

const SCHEME = /^rediss?([-+](cluster|sentinel))?:\/\//i
const FORM = /^redis(s?)(?:[-+](cluster|sentinel))?:\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/i
const HOST = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i
const PARAMETERS = ['sslrootcert', 'sslcert', 'sslkey', 'sentinel_username', 'sentinel_password']

/**
 * Reads
 *
 *     redis://[user[:password]@]host[:port][/database]
 *     redis-cluster://[user[:password]@]host[:port],…
 *     redis-sentinel://[user[:password]@]host[:port],…/name[/database]
 *
 * and the same with `rediss`, for TLS. Reserved characters are percent-encoded in a user, a password or a name.
 * @throws Error whose message goes after "REDIS_URL". It quotes nothing, because a password may be in any wrong place.
 */
export function parseRedisUrl(url: string): RedisAddress {
  if (SCHEME.test(url)) assertWholeUrl(url)
  const [, secure, word, authority = '', path = '', query = ''] = FORM.exec(url) ?? []
  if (secure === undefined)
    throw new Error(
      'must be a URL that begins with redis://, redis-cluster:// or redis-sentinel://, or with rediss for TLS',
    )
  const kind = (word?.toLowerCase() ?? 'single') as RedisAddress['kind']
  const at = authority.lastIndexOf('@')
  const [user = '', ...rest] = at < 0 ? [] : authority.slice(0, at).split(':')
  const hosts = parseHosts(kind, authority.slice(at + 1))
  const username = decode(user)
  const password = decode(rest.join(':'))
  const parameters = new Map(new URLSearchParams(query))
  if ([...parameters.keys()].some((name) => !PARAMETERS.includes(name)))
    throw new Error(`has an unknown parameter; known are ${PARAMETERS.join(', ')}`)
  const files = readTlsFiles(parameters)
  if (!secure && Object.keys(files).length > 0)
    throw new Error('names certificates but does not use TLS: begin it with rediss')
  const sentinelUsername = parameters.get('sentinel_username')
  const sentinelPassword = parameters.get('sentinel_password')
  const { name, db } = parsePath(kind, path)
  return {
    kind,
    hosts,
    login: {
      ...(username && { username }),
      ...(password && { password }),
      ...(db && { db }),
      ...(secure && { tls: files }),
    },
    sentinel: {
      name,
      ...(sentinelUsername && { username: sentinelUsername }),
      ...(sentinelPassword && { password: sentinelPassword }),
    },
  }
}

function parseHosts(kind: RedisAddress['kind'], text: string): RedisAddress['hosts'] {
  const [first, ...others] = text.split(',').map((item) => {
    const [, ipv6, name, port] = HOST.exec(item) ?? []
    const host = ipv6 ?? name
    const number = port === undefined ? (kind === 'sentinel' ? 26_379 : 6379) : Number(port)
    if (host === undefined || number < 1 || number > 65_535)
      throw new Error(`must name hosts as host:port; ${PERCENT_ENCODE}`)
    return { host, port: number }
  })
  if (!first) throw new Error('must name a host')
  if (kind === 'single' && others.length > 0)
    throw new Error('names several hosts: begin it with redis-cluster:// or redis-sentinel://')
  return [first, ...others]
}

function parsePath(kind: RedisAddress['kind'], path: string): { name: string; db: number } {
  const parts = path.split('/').slice(1)
  const name = kind === 'sentinel' ? decode(parts.shift() ?? '') : ''
  const [database = '', ...more] = parts
  if (kind === 'sentinel' && name === '') throw new Error('must name the master after the sentinels, as /name')
  if (more.length > 0 || !/^\d{0,5}$/.test(database))
    throw new Error('must end with the number of a database, or with no path')
  const db = Number(database)
  if (kind === 'cluster' && db > 0) throw new Error('names a database, but a cluster has only one')
  return { name, db }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error(`has a percent-encoding that is not UTF-8: ${PERCENT_ENCODE}`)
  }
}
