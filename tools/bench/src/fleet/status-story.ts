/** What happens to a fleet that checks status lists, in seconds from its start. */
export const STATUS_STORY = {
  /** The replicas start one after the other. Each gets a token at once. */
  deployedBy: 30,
  steady: { from: 120, to: 420 },
  /** One session ends, and nothing else happens. */
  logout: 300,
  /** 10,000 sessions end. */
  storm: { from: 420, to: 480 },
  calm: { from: 480, to: 600 },
  outage: { from: 600, to: 1_200 },
  recovery: { from: 1_200, to: 1_380 },
  /** All replicas are replaced within ten seconds. */
  restart: { from: 1_380, to: 1_440 },
  replacedWithin: 10,
  end: 1_440,
} as const

const LOGOUTS_IN_STORM = 10_000

/** How many sessions have ended by a second: those of the entries from 0 up to this number. */
export function endedBy(second: number): number {
  const { from, to } = STATUS_STORY.storm
  const ofStorm = Math.min(Math.max((second - from) / (to - from), 0), 1) * LOGOUTS_IN_STORM
  return (second >= STATUS_STORY.logout ? 1 : 0) + Math.floor(ofStorm)
}
