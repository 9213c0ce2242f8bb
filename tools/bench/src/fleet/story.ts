/** What happens to the fleet, in seconds from its start. */
export const STORY = {
  /** The replicas start one after the other. */
  deployedBy: 60,
  steady: { from: 900, to: 1_800 },
  rotation: {
    from: 1_800,
    /** Published but not used yet, for a quarter of the default of `SIGNING_KEY_LEAD_SECONDS`. */
    published: 1_800,
    signs: 2_700,
    /** By then the last token of the old key has expired. */
    withdrawn: 3_660,
    to: 4_200,
  },
  outage: { from: 4_200, to: 4_800 },
  recovery: { from: 4_800, to: 5_400 },
  /** Every replica gets tokens with forged key ids, one per second, all different. */
  flood: { from: 5_400, to: 6_000 },
  longOutage: { from: 6_600, to: 10_200 },
  longRecovery: { from: 10_200, to: 10_800 },
  end: 11_700,
} as const

/** `ACCESS_TOKEN_TTL_SECONDS`. */
const TOKEN_LIFETIME = 900

export const isAway = (second: number) =>
  [STORY.outage, STORY.longOutage].some(({ from, to }) => from <= second && second < to)

/** The ids of the keys that the issuer publishes. */
export function publishedKids(second: number): readonly string[] {
  const { published, withdrawn } = STORY.rotation
  return [...(second < withdrawn ? ['old'] : []), ...(second >= published ? ['new'] : [])]
}

/** The key id of a valid token, which was signed at a random time within the lifetime of tokens. */
export function kidOfToken(second: number, random: () => number): 'old' | 'new' {
  const { signs } = STORY.rotation
  if (second < signs) return 'old'
  return second < signs + TOKEN_LIFETIME && second - random() * TOKEN_LIFETIME < signs ? 'old' : 'new'
}
