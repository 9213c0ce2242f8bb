/**
 * Several processes of one client hold one session: its tokens are in a file. When the access token has expired, each process
 * reads the file, refreshes unless another one has already, and replaces the file. So do command-line tools and editors that
 * run several times. A process whose token is refused reads the file again for a second; if nobody has written newer tokens,
 * its user has to log in.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild } from '@heirloom/local-stack'
import type { FromHolder, HolderOptions } from './shared-token/holder.ts'
import { TokenFile, type Tokens } from './shared-token/token-file.ts'

/** A REALM_FILE with the public client `cli`, whose access tokens live for two seconds. */
export const SHARED_TOKEN_REALM = fileURLToPath(new URL('./shared-token/realm.yaml', import.meta.url))
export const SHARED_TOKEN_CLIENT = 'cli'

export interface SharedTokenServer {
  /** As in its metadata. */
  issuer: string
  /** Where it is, or each server behind the issuer: the processes take them in turn. */
  urls: readonly string[]
  clientId: string
  /** Opens a session. */
  logIn: () => Promise<Tokens>
}

export interface SharedTokenOptions {
  processes: number
  /** Of all processes together. */
  refreshes: number
  /** How long after the token expired the last process notices. 0: all at once, which is the worst case. */
  spreadMs: number
}

export interface SharedTokenResult {
  refreshes: number
  /** Refreshes that the server refused, so that the client by itself would have asked for a login. */
  refused: number
  /** Refreshes without a clear answer. They are repeated. */
  unanswered: number
  /** How often the newest token of all was refused, so that the session was over. */
  logins: number
}

const HOLDER = fileURLToPath(new URL('./shared-token/holder.ts', import.meta.url))

/** Resolves when this many refreshes were answered. */
export async function shareToken(
  { issuer, urls, clientId, logIn }: SharedTokenServer,
  { processes, refreshes, spreadMs }: SharedTokenOptions,
): Promise<SharedTokenResult> {
  const folder = mkdtempSync(join(tmpdir(), 'heirloom-shared-token-'))
  const path = join(folder, 'tokens.json')
  const file = new TokenFile(path)
  const result: SharedTokenResult = { refreshes: 0, refused: 0, unanswered: 0, logins: 0 }
  const { promise: done, resolve: finish, reject: fail } = Promise.withResolvers<void>()

  const count = (outcome: 'renewed' | 'refused' | 'unanswered') => {
    if (result.refreshes === refreshes) return
    if (outcome === 'unanswered') result.unanswered++
    else result.refreshes++
    if (outcome === 'refused') result.refused++
    if (result.refreshes === refreshes) finish()
    if (result.unanswered > refreshes) fail(new Error(`${issuer} does not answer`))
  }
  // One user sits before all of them, and logs in once for all.
  let logins = Promise.resolve()
  const logInAgain = (refusedToken: string | undefined) => {
    const before = logins
    logins = (async () => {
      await before
      if (file.read().refresh_token !== refusedToken) return
      if (result.refreshes < refreshes) result.logins++
      file.write(await logIn())
    })()
    return logins
  }

  const holders = await Promise.all(
    Array.from({ length: processes }, async (_, i) => {
      const options: HolderOptions = { issuer, url: urls[i % urls.length] ?? '', clientId, path, spreadMs }
      const { child, process: spawned } = await startChild({
        command: process.execPath,
        args: [HOLDER, JSON.stringify(options)],
        env: { PATH: process.env['PATH'] },
        // The client warns of each refused token.
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        stopSignal: 'SIGTERM',
      })
      const { promise: ready, resolve: isReady } = Promise.withResolvers<void>()
      spawned.on('message', (message: FromHolder) => {
        if ('ready' in message) isReady()
        else if ('refresh' in message) count(message.refresh)
        else logInAgain(message.refusedToken).then(() => spawned.send('go on'), fail)
      })
      void child.exited.then(({ code }) => fail(new Error(`a process that shares the token ended with ${code}`)))
      return { child, ready, begin: () => spawned.send('go on') }
    }),
  )
  try {
    await Promise.race([done, Promise.all(holders.map(({ ready }) => ready))])
    file.write(await logIn())
    for (const { begin } of holders) begin()
    await done
    return result
  } finally {
    done.catch(() => undefined)
    await Promise.all(holders.map(({ child }) => child.stop()))
    await logins.catch(() => undefined)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Logs in at an auth server of ours that has the realm of this file. */
export const logInAt = (url: string, user: { username: string; password: string }) => async (): Promise<Tokens> => {
  const answer = await fetch(`${url}/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...user, client_id: SHARED_TOKEN_CLIENT }),
  })
  if (!answer.ok) throw new Error(`a login was answered ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as Tokens
}
