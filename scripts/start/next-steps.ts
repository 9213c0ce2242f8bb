import { DEMO_USER } from './demo-user.ts'
import type { Heirloom } from './heirloom.ts'

/** Whether curl would send requests for this machine to a proxy. */
const isBehindProxy = () => ['http_proxy', 'all_proxy', 'ALL_PROXY'].some((name) => process.env[name])

/** Five lines for a shell. They find tokens by their first characters, so no JSON tool is needed. */
export function nextSteps({ authUrl, apiUrl, demoPassword }: Heirloom): string {
  const post = (path: string, body: string) =>
    `curl -s ${authUrl}/auth/${path} -H 'Content-Type: application/json' -d ${body}`
  const refreshToken = `'{"refresh_token":"'$(echo "$T" | grep -o 'hrt_[A-Za-z0-9_-]*')'"}'`
  const login = `'{"username":"${DEMO_USER}","password":"${demoPassword ?? 'THE PASSWORD'}"}'`
  const password = demoPassword ?? 'as when the user was added, before this data folder existed'

  return `
Ready. Try, line by line:

${isBehindProxy() ? `export no_proxy=127.0.0.1,localhost\n` : ''}T=$(${post('login', login)}); echo "$T"
curl -s ${apiUrl}/api/me -H "Authorization: Bearer $(echo "$T" | grep -o 'eyJ[A-Za-z0-9_.-]*')"; echo
T=$(${post('refresh', refreshToken)}); echo "$T"
${post('logout', refreshToken)} -w '%{http_code}\\n'
${post('refresh', refreshToken)}; echo

These lines log in, call the resource API, refresh, log out, and try a refresh, which is refused.

  user ${DEMO_USER}, password ${password} (unless you have changed it)
  docs ${authUrl}/docs
  Ctrl-C stops everything. No data is lost.
`
}
