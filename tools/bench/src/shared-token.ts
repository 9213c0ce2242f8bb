/**
 * How often a user has to log in because several processes of one client share a refresh token.
 *
 * Method: each server has its own processes, which run the client of the Model Context Protocol (see `shareToken` of
 * @heirloom/harness), and its own token file. All servers run at the same time, so a busy machine affects all alike. Access tokens
 * live for two seconds. The peers are set up as their documentation does, with rotation. Better Auth runs twice: with its
 * default, and with the interval in which it answers a repeated refresh. oidc-provider has no such setting.
 */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { barChart } from '@heirloom/harness/bar-chart'
import {
  SHARED_TOKEN_CLIENT,
  SHARED_TOKEN_REALM,
  type SharedTokenOptions,
  type SharedTokenResult,
  type SharedTokenServer,
  logInAt,
  shareToken,
} from '@heirloom/harness/shared-token'
import { createDatabase, freePort } from '@heirloom/local-stack'
import manifest from '../package.json' with { type: 'json' }
import { type Stores, startAuthServer, startPeer, startStores } from './servers.ts'
import { USER } from './sessions.ts'

const { dependencies, devDependencies } = manifest

interface Contender extends SharedTokenServer {
  name: string
  stop: () => unknown
}

const ACCESS_TOKEN_SECONDS = '2'
/** The default of Better Auth's plugin `mcp`. */
const REUSE_INTERVAL_SECONDS = '30'

export async function benchSharedToken({
  picture,
  ...options
}: SharedTokenOptions & { picture?: string }): Promise<void> {
  const stores = await startStores()
  const contenders = await Promise.all([
    heirloom(stores),
    oidcProvider('in memory', options),
    oidcProvider('on Redis', options, { REDIS_URL: `${stores.redis.url}/15` }),
    betterAuth(stores, `reuse interval ${REUSE_INTERVAL_SECONDS} s`, { REUSE_INTERVAL_SECONDS }),
    betterAuth(stores, 'as by default'),
  ])
  console.log(`${options.processes} processes for each of ${contenders.length} servers ...`)
  const results = await Promise.all(contenders.map((one) => shareToken(one, options)))
  console.table(Object.fromEntries(contenders.map(({ name }, i) => [name, results[i]])))
  if (picture !== undefined) {
    writeFileSync(picture, pictureOf(contenders, results, options))
    console.log(`Chart written to ${picture}`)
  }
  await Promise.all(contenders.map(({ stop }) => stop()))
  await stores.stop()
}

async function heirloom(stores: Stores): Promise<Contender> {
  const port = String(await freePort())
  const issuer = `http://127.0.0.1:${port}`
  const server = await startAuthServer(stores, { PORT: port, ISSUER: issuer, REALM_FILE: SHARED_TOKEN_REALM })
  await fetch(`${issuer}/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(USER),
  })
  const logIn = logInAt(issuer, USER)
  return { name: 'Heirloom', issuer, urls: [issuer], clientId: SHARED_TOKEN_CLIENT, logIn, stop: () => server.stop() }
}

async function oidcProvider(
  store: string,
  { refreshes }: SharedTokenOptions,
  settings: Record<string, string> = {},
): Promise<Contender> {
  // A session for each login that can be needed.
  const { url, tokens, stop } = await startPeer('oidc-provider', refreshes + 1, { ACCESS_TOKEN_SECONDS, ...settings })
  const logIn = () =>
    Promise.resolve({ access_token: '', token_type: 'Bearer', expires_in: 0, refresh_token: tokens.pop() })
  return {
    name: `oidc-provider ${dependencies['oidc-provider']}, ${store}`,
    issuer: url,
    urls: [url],
    clientId: 'web',
    logIn,
    stop,
  }
}

async function betterAuth(
  { postgres }: Stores,
  name: string,
  settings: Record<string, string> = {},
): Promise<Contender> {
  const DATABASE_URL = await createDatabase(postgres.url, `better-auth-${randomBytes(4).toString('hex')}`)
  const { url, clientId, stop } = await startPeer('better-auth', 0, { ACCESS_TOKEN_SECONDS, DATABASE_URL, ...settings })
  const logIn = async () =>
    (await (await fetch(`${url}/new-session`, { method: 'POST' })).json()) as Awaited<
      ReturnType<SharedTokenServer['logIn']>
    >
  return {
    name: `Better Auth ${devDependencies['better-auth']}, ${name}`,
    issuer: `${url}/api/auth`,
    urls: [url],
    clientId,
    logIn,
    stop,
  }
}

const pictureOf = (
  contenders: readonly Contender[],
  results: readonly SharedTokenResult[],
  options: SharedTokenOptions,
) =>
  barChart(
    `Logins that ${options.processes} processes with one token needed in ${options.refreshes} refreshes`,
    contenders.map(({ name }, i) => {
      const { logins = 0, refused = 0 } = results[i] ?? {}
      return { label: name, value: logins, text: `${logins} (${refused} refused)`, ours: i === 0 }
    }),
  )
