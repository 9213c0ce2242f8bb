import { EnvError } from 'envalid'
import ipaddr from 'ipaddr.js'
import { listOf, settingType } from '@heirloom/http-service'
import { checkDatabaseUrl } from './postgres/database-url.ts'
import { parseRedisUrl } from './redis/redis-url.ts'
import { refreshTokens } from './rules/refresh-token.ts'

export const clientIds = listOf((items) => items.every((item) => /^[\x21-\x7e]{1,200}$/.test(item)), 'names of clients')

export const file = settingType({ accepts: 'the path of a YAML file' }, (input) => input)

export const title = settingType({ accepts: '1 to 60 characters' }, (input) => {
  if (input.length <= 60) return input
  throw new EnvError('must have 60 characters or fewer')
})

export const color = settingType({ accepts: 'six hexadecimal digits' }, (input) => {
  // In a .env file, what begins with # is a comment. So the # may be left out.
  const [, digits] = /^#?([0-9a-f]{6})$/i.exec(input) ?? []
  if (digits !== undefined) return digits.toLowerCase()
  throw new EnvError('must be a color of six hexadecimal digits, such as 1e5b4f')
})

export const networks = listOf(
  (items) => items.every((item) => ipaddr.isValid(item) || ipaddr.isValidCIDR(item)),
  'addresses or CIDR ranges',
)

/** The messages never contain the value. */
export const secret = settingType({ accepts: '32 bytes or more', isSecret: true }, (input) => {
  if (Buffer.byteLength(input) >= 32) return input
  throw new EnvError('must have 32 bytes or more; `openssl rand -base64 32` makes one')
})

export const secrets = settingType(
  { accepts: '32 bytes or more each, separated by commas', isSecret: true },
  (input) => {
    const items = input.split(',').map((item) => item.trim())
    if (items.some((item) => Buffer.byteLength(item) < 32))
      throw new EnvError('must be one or more secrets of 32 bytes or more, newest first, separated by commas')
    asEnvError(() => refreshTokens(items))
    return items
  },
)

export const lateRepeatGap = settingType<number | 'off'>({ accepts: '1 or more generations, or `off`' }, (input) => {
  if (input === 'off') return 'off'
  if (/^[1-9]\d{0,8}$/.test(input)) return Number(input)
  throw new EnvError('must be a number of generations, 1 or more, or `off`')
})

export const flag = settingType({ accepts: '`true` or `false`' }, (input) => {
  if (['true', 'yes', 'on', '1'].includes(input)) return true
  if (['false', 'no', 'off', '0'].includes(input)) return false
  throw new EnvError('must be true or false')
})

export const redisUrl = settingType(
  { accepts: '`redis://`, `redis-cluster://` or `redis-sentinel://`; `rediss…` for TLS', isSecret: true },
  (input) => {
    asEnvError(() => parseRedisUrl(input))
    return input
  },
)

export const databaseUrl = settingType({ accepts: '`postgres://` or `postgresql://`', isSecret: true }, (input) => {
  asEnvError(() => checkDatabaseUrl(input))
  return input
})

/** Adapts a check whose messages never contain the value. */
function asEnvError(check: () => unknown): void {
  try {
    check()
  } catch (error) {
    throw new EnvError(error instanceof Error ? error.message : 'is not valid')
  }
}
