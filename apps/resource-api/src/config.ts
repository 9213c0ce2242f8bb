import { nodeEnv, range, readSettings } from '@heirloom/service'
import { host, str, url } from 'envalid'

const DEVELOPMENT_ISSUER = 'http://127.0.0.1:4000'

export interface Config {
  /** Whose tokens are trusted. */
  issuer: string
  /** What this service is called in them. */
  audience: string
  /** Where the issuer's keys are, if its metadata must not be asked. */
  jwksUri?: string
  host: string
  port: number
  logLevel: string
}

/** The only place that reads the environment. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const settings = readSettings(
    env,
    {
      NODE_ENV: nodeEnv,
      ISSUER: url({ devDefault: DEVELOPMENT_ISSUER, desc: 'the address of the auth server' }),
      AUDIENCE: str({ default: 'resource-api' }),
      JWKS_URI: url({ default: undefined }),
      HOST: host({ devDefault: '127.0.0.1', default: '0.0.0.0' }),
      PORT: range(0, 65_535)({ default: 4001 }),
      LOG_LEVEL: str({ choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], default: 'info' }),
    },
    ({ NODE_ENV, ISSUER }) =>
      NODE_ENV === 'production' && !isSafeIssuer(new URL(ISSUER))
        ? ['ISSUER must be https in production: whoever can change its answers can sign tokens.']
        : [],
  )
  return {
    issuer: settings.ISSUER,
    audience: settings.AUDIENCE,
    ...(settings.JWKS_URI ? { jwksUri: settings.JWKS_URI } : {}),
    host: settings.HOST,
    port: settings.PORT,
    logLevel: settings.LOG_LEVEL,
  }
}

function isSafeIssuer({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || ['127.0.0.1', '[::1]', 'localhost'].includes(hostname)
}
