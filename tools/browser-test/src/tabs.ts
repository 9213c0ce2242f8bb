import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Passed } from './network.ts'
import { page } from './site.ts'
import { type Stack, USER } from './stack.ts'

/** A page of the site with a client that keeps its session in a cookie. `ahead` moves its clock, and so ages its tokens. */
export const addCookiePage = ({ site, network }: Stack) =>
  site.files.set(
    '/',
    page(`import { createClient } from '@heirloom/client'
globalThis.ahead = 0
globalThis.events = []
globalThis.client = createClient({
  authServer: '${network.url}',
  resources: [location.origin],
  delivery: 'cookie',
  ...JSON.parse(new URLSearchParams(location.search).get('times')),
  onEvent: (event) => events.push(event.reason ?? event.type),
  runtime: { now: () => Date.now() + ahead },
})
globalThis.me = () => client.fetch(location.origin + '/api/me').then(({ status }) => String(status), (error) => error.code ?? String(error))`),
  )

const LIFETIME_MS = 900_000

/** Opens a page with the client, in a browser whose user is logged in or not. */
export async function openTab(
  { site }: Stack,
  context: BrowserContext,
  times: { timeoutMs?: number; retryForMs?: number } = {},
): Promise<Page> {
  const tab = await context.newPage()
  await tab.goto(`${site.origin}/?tab=${context.pages().length}&times=${JSON.stringify(times)}`)
  await tab.waitForFunction('globalThis.client')
  return tab
}

export const logIn = (tab: Page, user = USER): Promise<string> =>
  tab.evaluate(`client.login(${JSON.stringify(user)}).then(() => 'logged in', (error) => error.code)`)

/** Makes the tokens of all tabs expire. Tabs that do nothing do not refresh. */
export async function expire(tabs: readonly Page[]): Promise<void> {
  for (const tab of tabs) await tab.evaluate(`void (ahead += ${LIFETIME_MS})`)
}

/** What each tab gets when it calls the service. */
export const callAll = (tabs: readonly Page[]): Promise<string[]> =>
  Promise.all(tabs.map((tab) => tab.evaluate<string>('me()')))

/** The events of a tab since the last time. */
export const takeEvents = (tab: Page): Promise<string[]> => tab.evaluate('events.splice(0)')

/** A refresh token has its version and the id of its secret, 16 bytes of its family, and its generation. */
const bytesOf = (token: string) => Buffer.from(token.slice('hrt_'.length), 'base64url')
const generationOf = (token: string) => bytesOf(token).readUInt32BE(18)

/** How many tokens the server has put into cookies beyond one of each family and generation. */
export function countForks(passed: readonly Passed[]): number {
  const tokens = new Set(passed.flatMap(({ cookie }) => cookie ?? []))
  return tokens.size - new Set([...tokens].map((token) => bytesOf(token).toString('hex', 2, 22))).size
}

/** The refresh tokens that the server has put into cookies, by their generation. */
export function issued(passed: readonly Passed[]): Map<number, Set<string>> {
  const tokens = new Map<number, Set<string>>()
  for (const { cookie } of passed) {
    if (cookie === undefined) continue
    const generation = generationOf(cookie)
    tokens.set(generation, (tokens.get(generation) ?? new Set()).add(cookie))
  }
  return tokens
}

export interface Loss {
  tabs: number
  expiries: number
  /** The share of answers and requests that are lost, and of those that stall for two seconds, from 0 to 1. */
  lost: number
  stalled: number
  /** From 0 to 1. */
  random: () => number
}

export interface Outcome {
  requests: number
  lost: number
  stalled: number
  /** Calls that got no answer in time, and were made again. */
  unavailable: number
  /** Generations beyond the one of the login. */
  refreshes: number
  /** Tokens beyond one of each generation. */
  forks: number
  /** Events that no expiry may cause, and outcomes that no call may have. */
  wrong: string[]
  /** What happened at each expiry that caused more than one refresh. */
  twice: string[][]
}

/** Tabs that share a session while answers are lost. Every tab calls the service at every expiry until it is answered. */
export async function expireUnderLoss(stack: Stack, browser: Browser, options: Loss): Promise<Outcome> {
  const { network } = stack
  const { random } = options
  const context = await browser.newContext()
  const login = network.passed.length
  const first = await openTab(stack, context)
  const answer = await logIn(first)
  if (answer !== 'logged in') throw new Error(`The login failed: ${answer}`)
  const tabs = [first]
  while (tabs.length < options.tabs) tabs.push(await openTab(stack, context))
  const ready = await callAll(tabs)
  const outcome: Outcome = {
    requests: 0,
    lost: 0,
    stalled: 0,
    unavailable: 0,
    refreshes: 0,
    forks: 0,
    wrong: [],
    twice: [],
  }
  outcome.wrong.push(...ready.filter((status) => status !== '200'))
  for (const tab of tabs) await takeEvents(tab)

  const before = network.passed.length
  const seen = Math.max(...issued(network.passed.slice(login)).keys())
  network.fate = () => ({
    ...(random() < options.stalled && { stallMs: 2_000 }),
    ...(random() < options.lost && { lost: random() < 0.5 ? 'before' : 'after' }),
  })
  for (let expiry = 0; expiry < options.expiries; expiry++) {
    const begin = network.passed.length
    await expire(tabs)
    for (let open = tabs; open.length > 0;) {
      const got = await callAll(open)
      outcome.unavailable += got.filter((status) => status === 'unavailable').length
      outcome.wrong.push(...got.filter((status) => !/^(?:200|unavailable)$/.test(status)))
      open = open.filter((_tab, i) => got[i] === 'unavailable')
    }
    const asked = network.passed.slice(begin)
    if (issued(asked).size > 1) outcome.twice.push(await story(asked, context))
  }
  network.fate = () => ({})

  const events = (await Promise.all(tabs.map(takeEvents))).flat()
  outcome.wrong.push(...events.filter((type) => type !== 'refreshed' && type !== 'refresh_failed'))
  const passed = network.passed.slice(before)
  outcome.requests = passed.length
  outcome.lost = passed.filter(({ fate }) => fate.lost).length
  outcome.stalled = passed.filter(({ fate }) => fate.stallMs).length
  outcome.refreshes = Math.max(...issued(network.passed.slice(login)).keys()) - seen
  outcome.forks = countForks(network.passed.slice(login))
  await context.close()
  return outcome
}

/** Who asked for what with which generation, what the network did to it, and what the browser has now. */
async function story(asked: readonly Passed[], context: BrowserContext): Promise<string[]> {
  const of = (token?: string) => (token === undefined ? '-' : String(generationOf(token)))
  const lines = asked.map(({ at, tab, method, path, presented, status, cookie, fate, answeredAt }) =>
    [
      `${at}: tab ${tab} ${method} ${path} with ${of(presented)}: ${status} with ${of(cookie)}`,
      `${fate.stallMs ? 'stalled ' : ''}${fate.lost ? `lost ${fate.lost}` : `answered at ${answeredAt}`}`,
    ].join(', '),
  )
  const kept = (await context.cookies()).map(({ value }) => of(value))
  return [...lines, `The browser has ${kept.join(' and ')}.`]
}
