import {
  audience,
  host,
  issuer,
  issuerFaults,
  issuerWarnings,
  keepAliveTimeout,
  logLevel,
  misspelt,
  nodeEnv,
  opsPort,
  port,
  readSettings,
  url,
} from '@heirloom/http-service'

const SPECS = {
  NODE_ENV: nodeEnv,
  ISSUER: issuer({ devDefault: 'http://127.0.0.1:4000', desc: 'the auth server whose tokens are trusted' }),
  JWKS_URI: url('http:', 'https:')({ default: undefined }),
  AUDIENCE: audience({ default: 'resource-api' }),
  HOST: host({ default: '0.0.0.0', devDefault: '127.0.0.1' }),
  PORT: port({ default: 4001 }),
  OPS_PORT: opsPort,
  KEEP_ALIVE_TIMEOUT_SECONDS: keepAliveTimeout,
  LOG_LEVEL: logLevel,
}

/** @throws SettingsError with every bad setting. */
export function readConfig(env: NodeJS.ProcessEnv) {
  const settings = readSettings(env, SPECS, issuerFaults)
  return {
    issuer: settings.ISSUER,
    jwksUri: settings.JWKS_URI,
    audience: settings.AUDIENCE,
    host: settings.HOST,
    port: settings.PORT,
    opsPort: settings.OPS_PORT,
    keepAliveTimeoutSeconds: settings.KEEP_ALIVE_TIMEOUT_SECONDS,
    logLevel: settings.LOG_LEVEL,
    warnings: [...issuerWarnings(env, settings.ISSUER), ...misspelt(env, SPECS)],
  }
}

export type Config = ReturnType<typeof readConfig>
