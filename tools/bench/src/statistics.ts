/** A single disturbed round does not move it. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** The median, the minimum and the maximum, as text. */
export const spread = (values: readonly number[]) =>
  `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`

/**
 * A confidence interval of the median, at 95 % or more: two of the values, by rank (the sign test). It is unbounded for five
 * values or fewer.
 */
export function medianInterval(values: readonly number[]): [low: number, high: number] {
  const sorted = values.toSorted((a, b) => a - b)
  let rank = 0
  for (let chance = 0.5 ** values.length, sum = chance; sum <= 0.025; sum += chance) {
    rank++
    chance *= (values.length - rank + 1) / rank
  }
  return [sorted[rank - 1] ?? -Infinity, sorted[values.length - rank] ?? Infinity]
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** The slope of the least-squares line: growth from one value to the next. */
export function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const [upper, lower] = values.reduce(
    ([over, under], value, i) => [over + (i - middle) * (value - mean), under + (i - middle) ** 2],
    [0, 0],
  )
  return upper / lower
}
