import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { type RedirectLogin, type RedirectOptions, createRedirectClient } from '../src/redirect.ts'

const AUTH = 'https://auth.example'
const APP = 'https://notes.example'

interface Asked {
  path: string
  type: string | null
  form: Record<string, string>
}

/** A tab: its address, its history, and its part of `sessionStorage`. */
function aTab() {
  const kept = new Map<string, string>()
  const tab = {
    asked: [] as Asked[],
    /** Where the page led, or an empty string. */
    left: '',
    kept,
    location: new URL(`${APP}/notes?page=2#top`),
    answer: (_asked: Asked): Response | Promise<Response> =>
      Response.json({
        access_token: 'at',
        refresh_token: 'rt',
        expires_in: 900,
        session_id: 's',
        token_type: 'Bearer',
      }),
    open: (options: Partial<RedirectOptions> = {}) =>
      createRedirectClient({
        authServer: AUTH,
        clientId: 'notes',
        resources: ['https://api.example'],
        page: {
          location: {
            get href() {
              return tab.location.href
            },
            get search() {
              return tab.location.search
            },
            origin: APP,
            assign: (url) => void (tab.left = url),
          },
          history: {
            state: 'kept',
            replaceState: (state, _unused, url) => {
              expect(state).toBe('kept')
              expect(new URL(url).origin).toBe(APP)
              tab.location = new URL(url)
            },
          },
          sessionStorage: {
            getItem: (key) => kept.get(key) ?? null,
            setItem: (key, value) => void kept.set(key, value),
            removeItem: (key) => void kept.delete(key),
            key: (i) => [...kept.keys()][i] ?? null,
            get length() {
              return kept.size
            },
          },
        },
        ...options,
        runtime: {
          fetch: async (url, init) => {
            const { pathname } = new URL(url as string | URL)
            const { headers } = new Request(url, init)
            if (pathname === '/api/me') return Response.json({ token: headers.get('authorization') })
            const form = Object.fromEntries(new URLSearchParams(init?.body as URLSearchParams))
            const asked = { path: pathname, type: headers.get('content-type'), form }
            expect(init?.credentials).toBe('omit')
            tab.asked.push(asked)
            return tab.answer(asked)
          },
          ...options.runtime,
        },
      }),
  }
  return tab
}

let tab: ReturnType<typeof aTab>
beforeEach(() => void (tab = aTab()))

/** The user goes to the auth server. Returns what the page asked for there. */
async function leave(login?: RedirectLogin, options?: Partial<RedirectOptions>) {
  await tab.open(options).loginWithRedirect(login)
  return Object.fromEntries(new URL(tab.left).searchParams) as Record<string, string>
}

/** The user comes back, to a page that has been loaded anew. */
function comeBack(
  asked: Record<string, string>,
  answer: Record<string, string> = {},
  options?: Partial<RedirectOptions>,
) {
  const back = new URL(asked['redirect_uri'] ?? '')
  const { state = '' } = asked
  back.search = String(new URLSearchParams({ code: 'hac_1', state, iss: AUTH, ...answer }))
  if (answer['error'] !== undefined) back.searchParams.delete('code')
  tab.location = back
  return tab.open(options)
}

describe('a login', () => {
  it('asks for a code that only this page can exchange', async () => {
    const asked = await leave({ scope: 'notes:read', prompt: 'none' }, { resource: 'https://api.example' })
    expect(tab.left).toMatch(/^https:\/\/auth\.example\/oauth2\/authorize\?/)
    expect(asked).toEqual({
      client_id: 'notes',
      response_type: 'code',
      redirect_uri: `${APP}/notes`,
      resource: 'https://api.example',
      scope: 'notes:read',
      prompt: 'none',
      state: expect.stringMatching(/^[\w-]{72}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    })
    const client = comeBack(asked, {}, { resource: 'https://api.example' })
    expect(await client.handleRedirect()).toBe('logged_in')
    const [{ path, type, form }] = tab.asked as [Asked]
    expect([path, type]).toEqual(['/oauth2/token', 'application/x-www-form-urlencoded;charset=UTF-8'])
    expect(form).toEqual({
      client_id: 'notes',
      grant_type: 'authorization_code',
      code: 'hac_1',
      redirect_uri: `${APP}/notes`,
      resource: 'https://api.example',
      code_verifier: expect.stringMatching(/^[\w-]{72}$/),
    })
    expect(
      createHash('sha256')
        .update(form['code_verifier'] ?? '')
        .digest('base64url'),
    ).toBe(asked['code_challenge'])
    expect(await (await client.fetch('https://api.example/api/me')).json()).toEqual({ token: 'Bearer at' })
  })

  it('brings the user back to where it began, and no address has the code', async () => {
    const asked = await leave()
    const client = comeBack(asked)
    let asking = ''
    tab.answer = () => {
      asking = tab.location.href
      return Response.json({ access_token: 'at', refresh_token: 'rt', expires_in: 900, session_id: 's' })
    }
    await client.handleRedirect()
    expect([asking, tab.location.href]).toEqual(Array(2).fill(`${APP}/notes?page=2#top`))
    expect(JSON.stringify([...tab.kept])).not.toContain('verifier')
  })

  it('goes back to no other origin', async () => {
    await expect(tab.open().loginWithRedirect({ returnTo: 'https://evil.example/' })).rejects.toThrow(TypeError)
    expect([tab.left, tab.kept.size]).toEqual(['', 0])
  })

  it('is not disturbed by another one in the same tab, nor by one in another tab', async () => {
    const [first, second] = [await leave({ returnTo: '/a' }), await leave({ returnTo: '/b' })]
    expect(first['state']).not.toBe(second['state'])
    expect(await comeBack(second).handleRedirect()).toBe('logged_in')
    expect(tab.location.pathname).toBe('/b')
    expect(await comeBack(first).handleRedirect()).toBe('logged_in')
    expect(tab.location.pathname).toBe('/a')
    const before = tab
    tab = aTab()
    expect(await comeBack(first).handleRedirect()).toBe('no_redirect')
    expect(tab.asked).toEqual([])
    expect(before.asked).toHaveLength(2)
  })

  it('is handled once, however often the page asks', async () => {
    const client = comeBack(await leave())
    expect(await Promise.all([client.handleRedirect(), client.handleRedirect()])).toEqual(['logged_in', 'logged_in'])
    expect(await client.handleRedirect()).toBe('logged_in')
    expect(tab.asked).toHaveLength(1)
  })

  it('is over for the back button: its code is not sent again, and leaves the address', async () => {
    const asked = await leave()
    await comeBack(asked).handleRedirect()
    expect(await comeBack(asked).handleRedirect()).toBe('no_redirect')
    expect(tab.asked).toHaveLength(1)
    expect(tab.location.href).toBe(`${APP}/notes?page=2#top`)
  })

  it('leaves nothing behind for ever', async () => {
    const day = 24 * 3_600_000
    let now = 1_800_000_000_000
    for (let i = 0; i < 50; i++, now += day / 10) await leave({}, { runtime: { now: () => now } })
    expect(tab.kept.size).toBeLessThan(12)
  })
})

describe('what comes back and is not ours', () => {
  it.each<[string, Record<string, string>]>([
    ['a code without a state', { state: '' }],
    ['a state that nobody chose here', { state: 'x'.repeat(43) }],
    ['the name of a member', { state: '__proto__' }],
  ])('%s is left alone', async (_name, answer) => {
    const client = comeBack(await leave(), answer)
    const { href } = tab.location
    expect(await client.handleRedirect()).toBe('no_redirect')
    expect([tab.asked, tab.location.href]).toEqual([[], href])
  })

  it.each<[string, Record<string, string>, string]>([
    ['another issuer', { iss: 'https://evil.example' }, 'misconfigured'],
    ['no issuer', { iss: '' }, 'misconfigured'],
    ['a user who does not allow it', { error: 'access_denied' }, 'login_refused'],
    ['a server that is busy', { error: 'temporarily_unavailable' }, 'login_refused'],
  ])('%s: no token is asked for', async (_name, answer, code) => {
    await expect(comeBack(await leave(), answer).handleRedirect()).rejects.toMatchObject({ code })
    expect(tab.asked).toEqual([])
    expect(tab.location.href).toBe(`${APP}/notes?page=2#top`)
  })

  it.each(['login_required', 'consent_required', 'interaction_required'])('%s is an answer', async (error) => {
    expect(await comeBack(await leave({ prompt: 'none' }), { error }).handleRedirect()).toBe('login_required')
    expect(await tab.open().isLoggedIn()).toBe(false)
  })

  it('a page that nobody was redirected to is left alone', async () => {
    expect(await tab.open().handleRedirect()).toBe('no_redirect')
    tab.location = new URL(`${APP}/?state=NY&code=10001`)
    expect(await tab.open().handleRedirect()).toBe('no_redirect')
    expect(tab.location.href).toBe(`${APP}/?state=NY&code=10001`)
  })
})

describe('a code', () => {
  it.each<[string, () => Response | Promise<Response>, string]>([
    ['whose answer is lost', () => Promise.reject(new TypeError('Failed to fetch')), 'unavailable'],
    ['that is answered by 503', () => Response.json({}, { status: 503 }), 'unavailable'],
    ['that is refused', () => Response.json({ error: 'invalid_grant' }, { status: 400 }), 'login_refused'],
    ['that is answered by a page', () => new Response('<h1>Hotel Wi-Fi</h1>'), 'misconfigured'],
    ['that is answered without tokens', () => Response.json({}), 'misconfigured'],
  ])('%s is not sent again', async (_name, answer, code) => {
    const asked = await leave()
    tab.answer = answer
    const client = comeBack(asked)
    await expect(client.handleRedirect()).rejects.toMatchObject({ code })
    await expect(client.handleRedirect()).rejects.toMatchObject({ code })
    expect(await comeBack(asked).handleRedirect()).toBe('no_redirect')
    expect(tab.asked).toHaveLength(1)
  })
})

it('the session refreshes and ends by the standard calls, for its client and resource', async () => {
  let ahead = 0
  const options = { resource: 'https://api.example', runtime: { now: () => Date.now() + ahead } }
  const client = comeBack(await leave({}, options), {}, options)
  await client.handleRedirect()
  ahead = 900_000
  expect(await client.accessToken()).toBe('at')
  expect(await client.logout()).toEqual({ serverNotified: true })
  const common = { client_id: 'notes', resource: 'https://api.example' }
  expect(tab.asked.slice(1)).toMatchObject([
    { path: '/oauth2/token', form: { ...common, grant_type: 'refresh_token', refresh_token: 'rt' } },
    { path: '/oauth2/revoke', form: { client_id: 'notes', token: 'rt' } },
  ])
})

it('can be created where there is no page, as when a page is rendered on a server', async () => {
  const client = createRedirectClient({ authServer: AUTH, clientId: 'notes', resources: [] })
  expect(await client.isLoggedIn()).toBe(false)
})
