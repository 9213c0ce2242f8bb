import { bearerOf, wrongOfAuth, wrongOfCall, wrongOfMetadata } from './engine/expected.ts'
import { type Answer, type Request, Servers } from './engine/servers.ts'
import type { Credentials } from './engine/engine-context.ts'
import type { Target } from './run-once.ts'

const HINT = '--target is the resource API, and --auth its auth server'

/** Checks that the addresses are those of Heirloom's services. Throws, with one line, if one is not. */
export async function checkTarget({ apiUrls, authUrls }: Target): Promise<void> {
  for (const url of authUrls) {
    const path = '/.well-known/oauth-authorization-server'
    const answer = await ask(url, { method: 'GET', path, headers: {} })
    refuse(wrongOfMetadata(answer), `${url} is not a Heirloom auth server: GET ${path}`)
  }
  for (const url of apiUrls) {
    const answer = await ask(url, { method: 'GET', path: '/api/public', headers: {} })
    const wrong = wrongOfCall('/api/public', answer) ?? otherThan200(answer)
    refuse(wrong, `${url} is not a Heirloom resource API: GET /api/public`)
  }
}

/** Checks that the resource APIs trust that auth server. Throws, with one line, if one does not. */
export async function checkTrust({ apiUrls, authUrls: [authUrl = ''] }: Target, user: Credentials): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const login = await ask(authUrl, { method: 'POST', path: '/auth/login', headers, body: JSON.stringify(user) })
  refuse(wrongOfAuth('/auth/login', login), `${authUrl} is not a Heirloom auth server: POST /auth/login`)
  if (login.status !== 200) {
    const cure = login.status === 401 ? 'check the user name and the password' : 'it accepts no logins now'
    throw new Error(`${authUrl} answered a login with ${login.status}: ${cure}`)
  }
  const token = (JSON.parse(login.body) as { access_token: string }).access_token
  for (const url of apiUrls) {
    const answer = await ask(url, { method: 'GET', path: '/api/me', headers: { authorization: `Bearer ${token}` } })
    if (answer.status === 401) throw new Error(`${url} refuses a token of ${authUrl}. Does it trust this issuer?`)
    const wrong = wrongOfCall('/api/me', answer, bearerOf(token)) ?? otherThan200(answer)
    refuse(wrong, `${url} is not a Heirloom resource API: GET /api/me`)
  }
}

const otherThan200 = ({ status }: Answer) => (status === 200 ? null : `answered ${status}`)

function refuse(wrong: string | null, of: string): void {
  if (wrong !== null) throw new Error(`${of} ${wrong} (${HINT})`)
}

async function ask(url: string, request: Request): Promise<Answer> {
  const servers = new Servers([url], 1)
  try {
    const answer = await servers.send(request)
    if (answer.status !== 0) return answer
    throw new Error(`${url} does not answer ${request.method} ${request.path}: ${answer.code} (${HINT})`)
  } finally {
    await servers.close()
  }
}
