import { DEMO_USER } from './demo-realm.ts'
import type { Heirloom } from './heirloom.ts'

/** Whether curl would send requests for this machine to a proxy. */
const isBehindProxy = () => ['http_proxy', 'all_proxy', 'ALL_PROXY'].some((name) => process.env[name])

const quoted = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`

/** Five lines for a shell. They find tokens by their first characters, so no JSON tool is needed. */
export function nextSteps({ authUrl, apiUrl, demoPassword, realm }: Heirloom): string {
  const post = (path: string, body: string) =>
    `curl -s ${authUrl}/auth/${path} -H 'Content-Type: application/json' -d ${body}`
  const refreshToken = `'{"refresh_token":"'$(echo "$T" | grep -o 'hrt_[A-Za-z0-9_-]*')'"}'`
  const { client, missingRole } = realm
  const login = quoted(
    JSON.stringify({
      username: DEMO_USER,
      password: demoPassword ?? 'THE PASSWORD',
      ...(client && !client.isDefault && { client_id: client.id }),
    }),
  )
  const password = demoPassword ?? 'as when the user was added, before this data folder existed'

  const rest = `
  user ${DEMO_USER}, password ${password} (unless you have changed it)
  docs ${authUrl}/docs
  Ctrl-C stops everything. No data is lost.
`
  if (!client || realm.resources.length === 0)
    return `
Ready. No client of this realm may both log in with a password and ask for a resource, so there are no lines to try here.
docs/guide/realm.md says what such a client has, and docs/guide/code-flow.md how all other clients log users in.
${rest}`
  return `
Ready. Try, line by line:
${
  realm.userRoles && missingRole !== null
    ? `
The roles of user ${DEMO_USER} grant nothing in this realm, so first: npm run admin -- user roles ${DEMO_USER} ${quoted(missingRole)}
`
    : ''
}
${isBehindProxy() ? `export no_proxy=127.0.0.1,localhost\n` : ''}T=$(${post('login', login)}); echo "$T"
curl -s ${apiUrl}/api/me -H "Authorization: Bearer $(echo "$T" | grep -o 'eyJ[A-Za-z0-9_.-]*')"; echo
T=$(${post('refresh', refreshToken)}); echo "$T"
${post('logout', refreshToken)} -w '%{http_code}\\n'
${post('refresh', refreshToken)}; echo

These lines log in, call the resource API, refresh, log out, and try a refresh, which is refused.
${rest}`
}
