import { codeOf } from './engine/auth-fetch.ts'
import { bearerOf, wrongOfAuth, wrongOfCall, wrongOfMachine, wrongOfMetadata } from './engine/expected.ts'
import { type Login, authCalls } from './engine/login.ts'
import { type Answer, type Request, Servers } from './engine/servers.ts'
import { standardCall } from './engine/standard-call.ts'
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
export async function checkTrust(
  { apiUrls, authUrls: [authUrl = ''] }: Target,
  login: Login,
  user: Credentials,
): Promise<void> {
  const answer = await firstTokens(authUrl, login, user)
  const isMachine = login.way === 'client-credentials'
  const path = isMachine ? '/oauth2/token' : '/auth/login'
  refuse(
    isMachine ? wrongOfMachine(answer) : wrongOfAuth('/auth/login', answer),
    `${authUrl} is not a Heirloom auth server: POST ${login.way === 'code' ? '/oauth2/token' : path}`,
  )
  if (answer.status !== 200) {
    const cure =
      answer.status === 429
        ? 'it accepts no logins now'
        : isMachine
          ? 'check the client'
          : 'check the user name and the password'
    throw new Error(`${authUrl} answered a login with ${answer.status} ${codeOf(answer)}: ${cure}`)
  }
  const token = (JSON.parse(answer.body) as { access_token: string }).access_token
  for (const url of apiUrls) {
    const me = await ask(url, { method: 'GET', path: '/api/me', headers: { authorization: `Bearer ${token}` } })
    if (me.status === 401) throw new Error(`${url} refuses a token of ${authUrl}. Does it trust this issuer?`)
    const wrong = wrongOfCall('/api/me', me, bearerOf(token)) ?? otherThan200(me)
    refuse(wrong, `${url} is not a Heirloom resource API: GET /api/me`)
  }
}

const otherThan200 = ({ status }: Answer) => (status === 200 ? null : `answered ${status}`)

function refuse(wrong: string | null, of: string): void {
  if (wrong !== null) throw new Error(`${of} ${wrong} (${HINT})`)
}

const firstTokens = (url: string, login: Login, user: Credentials) =>
  at(url, (servers) =>
    login.way === 'client-credentials'
      ? standardCall(servers, login, '/oauth2/token', { grant_type: 'client_credentials' })
      : authCalls(servers, login)('/auth/login', JSON.stringify(user)),
  )

const ask = (url: string, request: Request) => at(url, (servers) => servers.send(request), request)

async function at(url: string, send: (servers: Servers) => Promise<Answer>, request?: Request): Promise<Answer> {
  const servers = new Servers([url], 1)
  try {
    const answer = await send(servers)
    if (answer.status !== 0) return answer
    const what = request ? `${request.method} ${request.path}` : 'a login'
    throw new Error(`${url} does not answer ${what}: ${answer.code} (${HINT})`)
  } finally {
    await servers.close()
  }
}
