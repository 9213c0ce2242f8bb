import { SHARED_TOKEN_CLIENT, SHARED_TOKEN_REALM, logInAt, shareToken } from '@heirloom/harness/shared-token'
import { ISSUER } from '@heirloom/harness/services'
import pg from 'pg'
import type { SharedTokenOptions } from './arguments.ts'
import type { SharedTokenPoint } from './result.ts'
import { LocalStack } from './stack/local-stack.ts'
import { registerUsers } from './users.ts'

/** Processes of one client share the tokens of one session, and call the auth servers in turn. */
export async function runSharedToken(
  { processes, refreshes, spread: spreadMs, authServers }: SharedTokenOptions,
  say: (line: string) => void,
): Promise<SharedTokenPoint> {
  const stack = new LocalStack()
  try {
    say(`Starting the stores and ${authServers} auth server(s) ...`)
    await stack.start(Array.from({ length: authServers }, () => ({ REALM_FILE: SHARED_TOKEN_REALM })))
    const urls = stack.authServers.map(({ service }) => service.url)
    const [user] = await registerUsers(urls[0] ?? '', 1)
    if (!user) throw new Error('there is no user')
    say(`${processes} processes refresh ${refreshes} times ...`)
    const logIn = logInAt(urls[0] ?? '', user)
    const server = { issuer: ISSUER, urls, clientId: SHARED_TOKEN_CLIENT, logIn }
    const shared = await shareToken(server, { processes, refreshes, spreadMs })
    return { ...shared, processes, authServers, endedFamilies: await endedFamilies(stack.postgres?.url ?? '') }
  } finally {
    await stack.stop()
  }
}

/** How many families the rule of reuse has ended. A server commits an end before it answers. */
async function endedFamilies(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM families WHERE revoked_reason = 'reuse'`,
    )
    return rows[0]?.n ?? 0
  } finally {
    await client.end()
  }
}
