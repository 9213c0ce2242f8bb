import { decideRefresh } from '../../rules/decide-refresh.ts'
import { type Family, endOf } from '../../rules/family.ts'
import { policyOf } from '../../rules/client-policy.ts'
import { PAGES_CLIENT } from '../../rules/pages-client.ts'
import type { Account } from '../../stores/accounts.ts'
import type { Core } from '../core.ts'
import type { Refusal } from '../refusal.ts'
import { type LoginCredentials, authenticateLogin } from '../sessions/authenticate-login.ts'
import { type Opening, openSession } from '../sessions/open-session.ts'
import { commit, isRefusal, recordAnomaly, reject } from '../sessions/redeem.ts'
import { endPages } from '../sessions/sessions.ts'

/** A browser's session at the pages: a family of `PAGES_CLIENT`, whose refresh token is in a cookie. */
export interface PagesSession {
  family: Family
  /** The generation that the browser presented. */
  generation: number
  account: Account
  /** The store's time in milliseconds. */
  now: number
}

/** What the browser gets in its cookie. */
export interface PagesCookie {
  token: string
  /** Seconds until the session ends if it is not used. */
  expiresInSeconds: number
}

/** Judges the token of a cookie, and redeems nothing. Null if it gives no session now. */
export async function readPagesSession(parts: Core, token: string | undefined): Promise<PagesSession | null> {
  const found = await findPagesFamily(parts, token)
  if (!found) return null
  const { kind } = decideRefresh(found.family, presentedOf(found.generation), found.now, pagesPolicy(parts))
  if (kind === 'refuse' || kind === 'reuse') return null
  const account = await parts.accounts.byId(found.family.userId)
  return account && !account.disabled ? { ...found, account } : null
}

/** Redeems the token of a session that was read. Null if it is over by now. */
export async function redeemPagesSession(
  parts: Core,
  { family, generation, account, now }: PagesSession,
  signal: AbortSignal,
): Promise<{ session: PagesSession; cookie: PagesCookie } | null> {
  const [presented, policy] = [presentedOf(generation), pagesPolicy(parts)]
  const first = decideRefresh(family, presented, now, policy)
  const { family: updated, verdict } = await commit(parts, family, presented, first, now, policy)
  if (isRefusal(verdict)) {
    await reject(parts, updated, presented, verdict, now, signal)
    return null
  }
  recordAnomaly(parts.audit, updated, presented, verdict)
  return {
    session: { family: updated, generation, account, now },
    cookie: cookieOf(parts, updated, generation + 1, now),
  }
}

/**
 * Logs in at the pages.
 * @param current the session that the browser has. It goes on if it is the same user's, and ends otherwise: what was opened
 * from it belongs to it.
 */
export async function logInAtPages(
  parts: Core,
  credentials: LoginCredentials & { signal: AbortSignal },
  how: Opening['how'],
  current: PagesSession | null,
): Promise<{ ok: true; session: PagesSession; cookie: PagesCookie; authTime: number } | Refusal> {
  const proven = await authenticateLogin(parts, credentials)
  if (!proven.ok) return proven
  const user = proven.account
  if (current && current.account.id === user.id) {
    const redeemed = await redeemPagesSession(parts, current, credentials.signal)
    if (redeemed) return { ok: true, ...redeemed, authTime: current.now }
  } else if (current) await endFamilyOfPages(parts, current)
  const opened = await openSession(parts, { user, client: PAGES_CLIENT, resources: [], scope: undefined, how })
  if (!opened.ok) return opened
  const { family, account, now } = opened
  const session = { family, generation: 1, account, now }
  return { ok: true, session, cookie: cookieOf(parts, family, 1, now), authTime: now }
}

/**
 * Ends the session of a cookie and what belongs to it. A session that is over is ended again, because the first attempt may
 * have been answered with a 503.
 */
export async function endPagesSession(parts: Core, token: string | undefined): Promise<void> {
  const found = await findPagesFamily(parts, token)
  if (found) await endFamilyOfPages(parts, found)
}

const endFamilyOfPages = (parts: Core, { family, now }: Pick<PagesSession, 'family' | 'now'>) =>
  endPages(parts, family, { at: now, reason: 'logout' })

/** Null if the token was not issued here, or is not one of the pages. */
async function findPagesFamily({ refreshTokens, families, seeStoreTime }: Core, token: string | undefined) {
  const parsed = token === undefined ? null : refreshTokens.parse(token)
  const found = parsed && (await families.load(parsed.family))
  if (found?.family.clientId !== PAGES_CLIENT.id) return null
  seeStoreTime(found.now)
  return { ...found, generation: parsed?.generation ?? 0 }
}

const presentedOf = (generation: number) => ({ generation, clientId: PAGES_CLIENT.id, bindingKey: null })
const pagesPolicy = ({ realm, config }: Core) => policyOf(realm.current(), PAGES_CLIENT.id, config)

function cookieOf(parts: Core, family: Family, generation: number, now: number): PagesCookie {
  const expiresInSeconds = Math.max(0, Math.floor((endOf(family, pagesPolicy(parts)) - now) / 1000))
  return { token: parts.refreshTokens.issue(family.id, generation), expiresInSeconds }
}
