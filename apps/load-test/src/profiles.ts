/** How clients behave, and what else happens. Shares are of 1. */
export interface Profile {
  summary: string
  /** After so long a client takes its access token for old; null: as the server says. */
  tokenLifetimeMs: number | null
  /** Of clients: those with two tabs, which share a session and do not know of each other. */
  twoTabs: number
  /** Of refreshes: those whose answer gets lost on its way back. */
  lostAnswers: number
  /** Of actions: those that log out and in again. */
  logouts: number
  /** Of actions: those that a stranger does. */
  attacks: number
  /** Of actions: those in which a refresh token was stolen, and thief and owner both go on with it. */
  thefts: number
  /** What happens to the stack meanwhile. */
  event: 'rotation' | 'rolling' | 'chaos' | null
}

const browse: Profile = {
  summary: 'people who read: calls, a refresh now and then, a logout once in a while',
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
    summary:
      'all that happens to sessions, in fast motion: logins, refreshes, answers that get lost, logouts, stolen tokens',
    tokenLifetimeMs: 30_000,
    lostAnswers: 0.05,
    logouts: 1 / 500,
    thefts: 1 / 1_000,
  },
  browse,
  'refresh-heavy': {
    ...browse,
    summary: 'the same, with access tokens that are taken for old after 10 s',
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
    summary: 'a new signing key begins to sign half-way',
    tokenLifetimeMs: 10_000,
    event: 'rotation',
  },
  rolling: {
    ...browse,
    summary: 'every process is restarted, one after the other, as a deploy does',
    tokenLifetimeMs: 10_000,
    event: 'rolling',
  },
  chaos: {
    ...browse,
    summary: 'every process is restarted, one after the other; every second one is killed instead',
    tokenLifetimeMs: 10_000,
    event: 'chaos',
  },
} satisfies Record<string, Profile>

export type ProfileName = keyof typeof PROFILES
export const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[]
