import {
  audience,
  choice,
  issuerFaults,
  issuerWarnings,
  misspelt,
  range,
  readSettings,
  serviceSettings,
  url,
} from '@heirloom/http-service'
import { type ResourceOptions, protectedResource } from '@heirloom/verifier'

export const SETTINGS = {
  ...serviceSettings(4001),
  AUDIENCE: audience({
    default: 'resource-api',
    desc: 'The id of this service among the resources of the realm: what access tokens for it have as `aud`',
    docs: 'docs/guide/realm.md',
  }),
  RESOURCE_URL: url(
    'http:',
    'https:',
  )({
    default: undefined,
    example: 'https://api.example.com',
    desc: 'The public address of this service, for the metadata that lead unknown clients to the auth server; by default `AUDIENCE` if that is a URL, in development `http://127.0.0.1:PORT`, and otherwise there are no metadata',
    docs: 'docs/guide/protect-a-service.md#let-unknown-clients-find-the-auth-server',
  }),
  JWKS_URI: url(
    'http:',
    'https:',
  )({
    default: undefined,
    example: 'http://auth-server:4000/.well-known/jwks.json',
    desc: 'The address of the keys, on the server that also has the status lists; by default it comes from the metadata of the issuer',
  }),
  STATUS_MODE: choice(
    'off',
    'open',
    'closed',
  )({
    default: 'open',
    desc: 'What happens to a token whose status list cannot be had: `open` accepts it, `closed` answers 503; `off` asks for no list',
    docs: 'docs/guide/revocation.md',
  }),
  STATUS_MAX_STALE_SECONDS: range(
    10,
    86_400,
    'seconds',
  )({
    default: 300,
    desc: 'How long a status list that the issuer does not confirm still says that a token is valid',
    docs: 'docs/guide/revocation.md',
  }),
  STATUS_WAIT_SECONDS: range(
    0,
    30,
    'seconds',
  )({
    default: 0,
    desc: 'For how long the auth server holds a request for a status list until something changes; 0 asks every few seconds instead',
    docs: 'docs/guide/revocation.md#in-one-second-instead-of-six',
  }),
}

/** A list that the server holds back is not confirmed meanwhile. */
function statusFaults({ STATUS_MAX_STALE_SECONDS = 300, STATUS_WAIT_SECONDS = 0 }): string[] {
  const tooShort = STATUS_WAIT_SECONDS > 0 && STATUS_MAX_STALE_SECONDS <= STATUS_WAIT_SECONDS + 5
  return tooShort ? ['STATUS_MAX_STALE_SECONDS must be more than STATUS_WAIT_SECONDS and 5 s for the answer'] : []
}

/** Scopes of the calls in routes.ts. */
const SCOPES = ['reports:read', 'reports:write']

type Read = Partial<ReturnType<typeof readSettings<typeof SETTINGS>>>

/** A verifier with these options would not start. */
function resourceFaults(read: Read): string[] {
  const { ISSUER, AUDIENCE } = read
  const resource = resourceOf(read)
  if (!ISSUER || !AUDIENCE || !resource) return []
  try {
    protectedResource(ISSUER, AUDIENCE, resource)
    return []
  } catch (error) {
    return [`RESOURCE_URL cannot be used: ${(error as TypeError).message}`]
  }
}

function resourceOf({ NODE_ENV, RESOURCE_URL, AUDIENCE = '', PORT }: Read): ResourceOptions | undefined {
  const scopes = { scopes: SCOPES, name: 'Reports' }
  if (RESOURCE_URL !== undefined) return { ...scopes, url: RESOURCE_URL }
  if (/^https?:/.test(AUDIENCE)) return scopes
  return NODE_ENV === 'production' ? undefined : { ...scopes, url: `http://127.0.0.1:${PORT}` }
}

/** @throws SettingsError with every bad setting. */
export function readConfig(env: NodeJS.ProcessEnv) {
  const settings = readSettings(env, SETTINGS, (read) => [
    ...issuerFaults(read),
    ...statusFaults(read),
    ...resourceFaults(read),
  ])
  const resource = resourceOf(settings)
  return {
    issuer: settings.ISSUER,
    jwksUri: settings.JWKS_URI,
    audience: settings.AUDIENCE,
    resource,
    status: {
      mode: settings.STATUS_MODE,
      maxStaleSeconds: settings.STATUS_MAX_STALE_SECONDS,
      waitSeconds: settings.STATUS_WAIT_SECONDS,
    },
    host: settings.HOST,
    port: settings.PORT,
    opsPort: settings.OPS_PORT,
    keepAliveTimeoutSeconds: settings.KEEP_ALIVE_TIMEOUT_SECONDS,
    logLevel: settings.LOG_LEVEL,
    warnings: [
      ...issuerWarnings(env, settings.ISSUER),
      ...(resource === undefined
        ? ['RESOURCE_URL is not set and AUDIENCE is no URL, so unknown clients cannot find the auth server']
        : []),
      ...misspelt(env, SETTINGS),
    ],
  }
}

export type Config = ReturnType<typeof readConfig>
