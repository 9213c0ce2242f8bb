export interface Finding {
  /** `broken`: something does not work. `warning`: it works, and will or may go wrong. `note`: there is nothing to do. */
  level: 'broken' | 'warning' | 'note'
  check: 'settings' | 'postgres' | 'redis' | 'clocks' | 'keys' | 'realm' | 'users' | 'issuer'
  cause: string
  cure: string
}

/** A finding from a line with the cause, a colon and the cure. @param cure if the line has none. */
export function findingOf(level: Finding['level'], check: Finding['check'], line: string, cure: string): Finding {
  const [, cause, ownCure = ''] = /^(.*?): (.*)$/s.exec(line) ?? []
  if (cause === undefined) return { level, check, cause: line, cure }
  return { level, check, cause, cure: `${ownCure.charAt(0).toUpperCase()}${ownCure.slice(1)}.` }
}
