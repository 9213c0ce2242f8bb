// One of the processes that share a token file, with the client of the Model Context Protocol. It speaks to `shareToken` by IPC.
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  auth,
  discoverAuthorizationServerMetadata,
} from '@modelcontextprotocol/client'
import { type SharedTokens, TokenFile } from './token-file.ts'

/** The argument of the process, as JSON. */
export interface HolderOptions {
  issuer: string
  /** Where the server is that this process calls. */
  url: string
  clientId: string
  /** The path of the token file. */
  path: string
  /** Once the access token has expired, the process notices at random within this time. */
  spreadMs: number
}

/** What it tells: that it is up, what came of a refresh, or that its user has to log in, and with which token it was refused. */
export type FromHolder =
  { ready: true } | { refresh: 'renewed' | 'refused' | 'unanswered' } | { refusedToken: string | undefined }

const { issuer, url, clientId, path, spreadMs } = JSON.parse(process.argv[2] ?? '') as HolderOptions
const file = new TokenFile(path)
const tell = (message: FromHolder) => void process.send?.(message)
const nextMessage = () => new Promise((resolve) => process.once('message', resolve))

const toServer = (address: string | URL, init?: RequestInit) => {
  const { pathname, search } = new URL(address)
  return fetch(new URL(pathname + search, url), init)
}

const authorizationServerMetadata = await discoverAuthorizationServerMetadata(issuer, { fetchFn: toServer })
const discovered: OAuthDiscoveryState = {
  authorizationServerUrl: issuer,
  ...(authorizationServerMetadata && { authorizationServerMetadata }),
}

/** Reads the file right before a refresh. Once its token is refused, the client asks for a login. */
const clientWith = (tokens: SharedTokens): OAuthClientProvider => {
  let held: SharedTokens | undefined = tokens
  return {
    redirectUrl: 'http://127.0.0.1/done',
    clientMetadata: { redirect_uris: ['http://127.0.0.1/done'] },
    clientInformation: () => ({ client_id: clientId, issuer }),
    discoveryState: () => discovered,
    tokens: () => held && { ...held, issuer },
    saveTokens: (renewed) => file.write(renewed),
    invalidateCredentials: () => void (held = undefined),
    redirectToAuthorization: () => undefined,
    saveCodeVerifier: () => undefined,
    codeVerifier: () => '',
  }
}

/** How long a process that was refused waits for another one to write newer tokens, before it asks its user. */
const OTHERS_MAY_WRITE_MS = 1_000

async function refresh(tokens: SharedTokens): Promise<void> {
  try {
    const result = await auth(clientWith(tokens), { serverUrl: issuer, fetchFn: toServer })
    tell({ refresh: result === 'AUTHORIZED' ? 'renewed' : 'refused' })
    if (result === 'AUTHORIZED') return
  } catch {
    tell({ refresh: 'unanswered' })
    await sleep(100)
    return
  }
  const deadline = Date.now() + OTHERS_MAY_WRITE_MS
  while (Date.now() < deadline) {
    if (file.read().refresh_token !== tokens.refresh_token) return
    await sleep(50)
  }
  const answer = nextMessage()
  tell({ refusedToken: tokens.refresh_token })
  await answer
}

tell({ ready: true })
await nextMessage()
for (;;) {
  const tokens = file.read()
  const left = tokens.expiresAt - Date.now()
  if (left > 0) await sleep(left + Math.random() * spreadMs)
  else await refresh(tokens)
}
