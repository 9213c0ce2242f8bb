import { distance } from 'fastest-levenshtein'

/** A warning for each environment variable that looks like a misspelt setting. */
export function misspelt(env: NodeJS.ProcessEnv, specs: Readonly<Record<string, unknown>>): string[] {
  const ours = Object.keys(specs)
  return Object.keys(env).flatMap((name) => {
    if (Object.hasOwn(specs, name)) return []
    const meant = ours.find((one) => isLike(name, one))
    return meant ? [`${JSON.stringify(name)} is not a setting and is ignored. Did you mean ${meant}?`] : []
  })
}

function isLike(name: string, ours: string): boolean {
  const spelt = name.toUpperCase().replaceAll('-', '_')
  if (distance(spelt, ours) <= Math.floor(Math.min(ours.length, 20) / 6)) return true
  // The name has another unit, or none.
  const start = ours.slice(0, ours.lastIndexOf('_'))
  return (
    start.includes('_') &&
    (spelt === start || (spelt.startsWith(`${start}_`) && !spelt.slice(start.length + 1).includes('_')))
  )
}
