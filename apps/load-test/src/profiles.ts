/** How clients behave, and what else happens. Shares are from 0 to 1. */
export interface Profile {
  summary: string
  /** How long clients use an access token. Null: as the server says. */
  tokenLifetimeMs: number | null
  /** The share of clients with two tabs, which share a session without coordination. */
  twoTabs: number
  /** The share of refreshes whose answer is lost. */
  lostAnswers: number
  /** The share of actions that log out and in again. */
  logouts: number
  /** The share of actions that are attacks. */
  attacks: number
  /** The share of actions in which a stolen refresh token is used by both thief and owner. */
  thefts: number
  /** What happens to the stack during the run. */
  event: 'rotation' | 'rolling' | 'chaos' | null
}

const browse: Profile = {
  summary: 'users who read: calls, some refreshes, a few logouts',
  tokenLifetimeMs: null,
  twoTabs: 0.1,
  lostAnswers: 0.02,
  logouts: 1 / 5_000,
  attacks: 0,
  thefts: 0,
  event: null,
}

export const PROFILES = {
  sessions: {
    ...browse,
    summary: 'everything that happens to sessions, sped up: logins, refreshes, lost answers, logouts, stolen tokens',
    tokenLifetimeMs: 30_000,
    lostAnswers: 0.05,
    logouts: 1 / 500,
    thefts: 1 / 1_000,
  },
  browse,
  'refresh-heavy': {
    ...browse,
    summary: 'users who read, with access tokens that clients replace after 10 s',
    tokenLifetimeMs: 10_000,
    lostAnswers: 0.05,
  },
  'login-storm': { ...browse, summary: 'one action in twenty is a logout and a login', logouts: 1 / 20 },
  attack: {
    ...browse,
    summary: 'one action in five is an attack: forged tokens of all kinds, forged refresh tokens, wrong passwords',
    attacks: 1 / 5,
  },
  rotation: {
    ...browse,
    summary: 'a new signing key begins to sign halfway through the run',
    tokenLifetimeMs: 10_000,
    event: 'rotation',
  },
  rolling: {
    ...browse,
    summary: 'every process is restarted in turn, as a deploy does',
    tokenLifetimeMs: 10_000,
    event: 'rolling',
  },
  chaos: {
    ...browse,
    summary: 'every process is restarted in turn, and every second one is killed instead',
    tokenLifetimeMs: 10_000,
    event: 'chaos',
  },
} satisfies Record<string, Profile>

export type ProfileName = keyof typeof PROFILES
export const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[]
