import { distance } from 'fastest-levenshtein'

/** Variables of the environment that are none of ours, but look as if they were meant: a line each, for the log. */
export function misspelt(env: NodeJS.ProcessEnv, specs: Readonly<Record<string, unknown>>): string[] {
  const ours = Object.keys(specs)
  return Object.keys(env).flatMap((name) => {
    if (Object.hasOwn(specs, name)) return []
    const meant = ours.find((one) => isLike(name, one))
    return meant ? [`${JSON.stringify(name)} is no setting and is ignored. Is ${meant} meant?`] : []
  })
}

function isLike(name: string, ours: string): boolean {
  const spelt = name.toUpperCase().replaceAll('-', '_')
  if (distance(spelt, ours) <= Math.floor(Math.min(ours.length, 20) / 6)) return true
  // Another unit, or none.
  const start = ours.slice(0, ours.lastIndexOf('_'))
  return (
    start.includes('_') &&
    (spelt === start || (spelt.startsWith(`${start}_`) && !spelt.slice(start.length + 1).includes('_')))
  )
}
