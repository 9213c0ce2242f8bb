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

/** Longer than this nobody watches a token grow old. */
const WATCHABLE_SECONDS = 60
/** What a resource service allows for clocks that differ. */
const LEEWAY_SECONDS = 10

/** Plays the life of a session, and the theft of one, and says why each thing happens. Throws if one does not. */
export async function playTour({ authUrl, apiUrl, say, signal }: Tour): Promise<void> {
  let count = 0
  const step = (title: string) => say(`\n${++count}. ${title}`)
  const explain = (text: string) => say(`   ${text}`)

  const call = async (expected: number, url: string, init: RequestInit = {}): Promise<Answer['body']> => {
    const { status, body } = await request(url, init)
    explain(`${init.method ?? 'GET'} ${new URL(url).pathname} -> ${status} ${body.error ?? ''}`.trimEnd())
    if (status !== expected) throw new Error(`${url} answered ${status} and should have answered ${expected}`)
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
  explain(`Two tokens: an access token for ${session.expires_in} s, signed, and a refresh token, kept secret.`)

  step('Call the service')
  await me(200, session.access_token)
  explain('It checked the signature with a public key that it already had. It asked nobody.')

  step('Log out')
  await post(204, 'logout', { refresh_token: session.refresh_token })
  explain('The session is revoked, in the stores, before this answer came.')

  step('The access token still works, until it ends')
  await me(200, session.access_token)
  explain('The service asks nobody, so it cannot know. That is why an access token is short.')
  if (session.expires_in <= WATCHABLE_SECONDS) {
    explain(`It ends in at most ${session.expires_in + LEEWAY_SECONDS} s, leeway for clocks included. Waiting ...`)
    await untilRefused(`${apiUrl}/api/me`, session, signal)
    await me(401, session.access_token)
  } else explain(`It ends in ${session.expires_in} s, and so long we do not wait.`)

  step('A refresh is refused')
  await refresh(400, session.refresh_token)
  explain('Nothing brings this session back. Whoever wants in has to log in.')

  say('\nNow a theft.')
  step('The owner logs in, and a thief copies the refresh token')
  const stolen = (await post(200, 'login', credentials)).refresh_token

  step('The owner refreshes; the answer gets lost, so the client asks again')
  const first = await refresh(200, stolen)
  const again = await refresh(200, stolen)
  if (first.refresh_token !== again.refresh_token) throw new Error('one token had two successors')
  explain('Both answers hold the same new refresh token: a retry is no theft, and cannot fork the session.')

  step('The owner refreshes with the new one')
  const owner = await refresh(200, first.refresh_token)
  explain('So the new one has arrived: nobody honest has a use for the old one any more.')

  step('The thief comes with the copy')
  await refresh(400, stolen)
  explain('It is older than the newest that was used: somebody has a copy. The whole family is revoked.')

  step('So the owner is out, too')
  await refresh(400, owner.refresh_token)
  explain('Who is who cannot be told. The owner logs in again; the thief cannot.')
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
