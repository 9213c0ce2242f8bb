import { createHash, randomBytes } from 'node:crypto'
import type { AuthCalls, Login } from './login.ts'
import type { Answer, Servers } from './servers.ts'
import { standardCall } from './standard-call.ts'

/** A page that the flow does not get past. */
const MAX_PAGES = 6

interface Credentials {
  username: string
  password: string
}

/**
 * A browser in which a user logs in for an application: by the pages with a password the first time, and after that by its
 * session there, as real ones do. The application refreshes and logs out by the standard calls.
 */
export function codeFlowCalls(auth: Servers, login: Login): AuthCalls {
  const cookies = new Map<string, string>()
  /** One login at a time: two at once would replace each other's session at the pages. */
  let last: Promise<unknown> = Promise.resolve()

  async function page(method: 'GET' | 'POST', path: string, form?: string, signal?: AbortSignal | null) {
    const headers = {
      'sec-fetch-site': method === 'GET' ? 'cross-site' : 'same-origin',
      ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      ...(cookies.size > 0 && { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }),
    }
    const answer = await auth.send({ method, path, headers, ...(form !== undefined && { body: form }) }, signal)
    for (const set of [answer.headers['set-cookie'] ?? []].flat()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    return answer
  }

  async function logIn({ username, password }: Credentials, signal?: AbortSignal | null): Promise<Answer> {
    const [verifier, state] = [randomBytes(32).toString('base64url'), randomBytes(16).toString('base64url')]
    const { clientId = '', redirectUri = '', resource } = login
    const request = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      state,
      ...(resource !== undefined && { resource }),
    })
    let answer = await page('GET', `/oauth2/authorize?${request.toString()}`, undefined, signal)
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const { location } = answer.headers
      if (answer.status === 303 && typeof location === 'string') {
        if (!location.startsWith('/')) return redeem(answer, location, state, verifier, signal)
        answer = await page('GET', location, undefined, signal)
      } else if (answer.status === 200) {
        const { action, fields } = formOf(answer.body)
        const isLogin = /name="password"/.test(answer.body)
        const filled = isLogin ? { username, password } : { decision: 'allow' }
        answer = await page('POST', action, new URLSearchParams({ ...fields, ...filled }).toString(), signal)
      } else break
    }
    // The page of a login that failed. What else it may be is in its text only.
    return answer.status === 400 ? refused(answer, 401, 'invalid_credentials') : answer
  }

  function redeem(
    answer: Answer,
    location: string,
    state: string,
    verifier: string,
    signal?: AbortSignal | null,
  ): Promise<Answer> | Answer {
    const got = new URL(location).searchParams
    const code = got.get('code')
    if (code === null) return refused(answer, 400, got.get('error') ?? 'no_code')
    if (got.get('state') !== state) return refused(answer, 400, 'another_state')
    const form = { grant_type: 'authorization_code', code, code_verifier: verifier }
    return standardCall(auth, login, '/oauth2/token', form, signal)
  }

  return async (path, body, signal) => {
    const given = JSON.parse(body) as Credentials & { refresh_token: string }
    if (path === '/auth/login') {
      const turn = last.then(() => logIn(given, signal))
      last = turn
      return turn
    }
    const { refresh_token: token } = given
    if (path === '/auth/refresh')
      return standardCall(auth, login, '/oauth2/token', { grant_type: 'refresh_token', refresh_token: token }, signal)
    const answer = await standardCall(auth, login, '/oauth2/revoke', { token }, signal)
    return answer.status === 200 ? { ...answer, status: 204, body: '' } : answer
  }
}

/** The answer of a page, as a call would have given it. */
const refused = (answer: Answer, status: number, error: string): Answer => ({
  ...answer,
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ error }),
})

function formOf(html: string): { action: string; fields: Record<string, string> } {
  const [, action = ''] = /<form method="post" action="([^"]*)"/.exec(html) ?? []
  const hidden = [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)]
  return {
    action: unescaped(action),
    fields: Object.fromEntries(hidden.map(([, name = '', value = '']) => [unescaped(name), unescaped(value)])),
  }
}

const ENTITIES: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" }
const unescaped = (text: string) => text.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity)
