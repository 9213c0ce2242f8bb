import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

interface Tour {
  authUrl: string
  apiUrl: string
  say: (line: string) => void
  signal?: AbortSignal
}

interface Answer {
  status: number
  body: { access_token: string; refresh_token: string; expires_in: number; error?: string }
}

/** The tour waits for a token to expire only if it takes no longer. */
const WATCHABLE_SECONDS = 60
/** The leeway of resource services for clock differences. */
const LEEWAY_SECONDS = 10

/** Plays the life of a session, and a theft, and explains each step. Throws if a step fails. */
export async function playTour({ authUrl, apiUrl, say, signal }: Tour): Promise<void> {
  let count = 0
  const step = (title: string) => say(`\n${++count}. ${title}`)
  const explain = (text: string) => say(`   ${text}`)

  const call = async (expected: number, url: string, init: RequestInit = {}): Promise<Answer['body']> => {
    const { status, body } = await request(url, init)
    explain(`${init.method ?? 'GET'} ${new URL(url).pathname} -> ${status} ${body.error ?? ''}`.trimEnd())
    if (status !== expected) throw new Error(`${url} answered ${status} instead of ${expected}`)
    return body
  }
  const post = (expected: number, path: string, json: object) =>
    call(expected, `${authUrl}/auth/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(json),
    })
  const refresh = (expected: number, token: string) => post(expected, 'refresh', { refresh_token: token })
  const me = (expected: number, token: string) =>
    call(expected, `${apiUrl}/api/me`, { headers: { authorization: `Bearer ${token}` } })

  const credentials = {
    username: `visitor-${randomBytes(4).toString('hex')}`,
    password: randomBytes(18).toString('base64url'),
  }
  say(`A visitor registers as ${credentials.username}.`)
  await post(201, 'register', credentials)

  step('Log in')
  const session = await post(200, 'login', credentials)
  explain(`The answer has two tokens: a signed access token for ${session.expires_in} s, and a secret refresh token.`)

  step('Call the service')
  await me(200, session.access_token)
  explain('The service verified the signature with a public key that it already had. It made no request.')

  step('Log out')
  await post(204, 'logout', { refresh_token: session.refresh_token })
  explain('The session was revoked in the stores before this answer was sent.')

  step('The access token still works until it expires')
  await me(200, session.access_token)
  explain('The service makes no request, so it does not see the logout. That is why access tokens are short-lived.')
  if (session.expires_in <= WATCHABLE_SECONDS) {
    explain(`It expires in at most ${session.expires_in + LEEWAY_SECONDS} s, including leeway for clocks. Waiting ...`)
    await untilRefused(`${apiUrl}/api/me`, session, signal)
    await me(401, session.access_token)
  } else explain(`It expires in ${session.expires_in} s. The tour does not wait that long.`)

  step('A refresh is refused')
  await refresh(400, session.refresh_token)
  explain('Nothing brings this session back. The user has to log in again.')

  say('\nNext, a theft.')
  step('The owner logs in, and a thief copies the refresh token')
  const stolen = (await post(200, 'login', credentials)).refresh_token

  step('The owner refreshes, the answer is lost, and the client retries')
  const first = await refresh(200, stolen)
  const again = await refresh(200, stolen)
  if (first.refresh_token !== again.refresh_token) throw new Error('one token had two successors')
  explain('Both answers have the same new refresh token. A retry is not a theft, and it cannot fork the session.')

  step('The owner refreshes with the new token')
  const owner = await refresh(200, first.refresh_token)
  explain('This shows that the new token has arrived. No honest client needs the old one any more.')

  step('The thief presents the copy')
  await refresh(400, stolen)
  explain('A newer token has been used since, so this one is a copy. The server revokes the whole session.')

  step('The owner is logged out, too')
  await refresh(400, owner.refresh_token)
  explain('The server cannot tell owner and thief apart. The owner can log in again, but the thief cannot.')
  await post(200, 'login', credentials)
  say('\nThat was the tour.')
}

async function request(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init)
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
}

async function untilRefused(url: string, session: Answer['body'], signal?: AbortSignal): Promise<void> {
  const deadline = Date.now() + (session.expires_in + LEEWAY_SECONDS + 5) * 1000
  const headers = { authorization: `Bearer ${session.access_token}` }
  while ((await request(url, { headers })).status === 200 && Date.now() < deadline) {
    await sleep(250, undefined, { signal })
  }
}
