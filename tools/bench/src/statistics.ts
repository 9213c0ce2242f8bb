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

/**
 * The Mann-Whitney test of two samples, with the normal approximation, which counts ties half. `share` is the part of the pairs
 * in which the first is larger; `p` is two-sided.
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): { share: number; p: number } {
  const [n, m] = [first.length, second.length]
  const all = [
    ...first.map((value) => ({ value, isFirst: true })),
    ...second.map((value) => ({ value, isFirst: false })),
  ]
  all.sort((a, b) => a.value - b.value)
  let [rankSum, ties] = [0, 0]
  for (let i = 0, end = 0; i < all.length; i = end) {
    while (end < all.length && all[end]?.value === all[i]?.value) end++
    const tied = end - i
    ties += tied ** 3 - tied
    rankSum += all.slice(i, end).filter(({ isFirst }) => isFirst).length * ((i + 1 + end) / 2)
  }
  const u = rankSum - (n * (n + 1)) / 2
  const deviation = Math.sqrt(((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1))))
  const z = deviation === 0 ? 0 : Math.abs(u - (n * m) / 2) / deviation
  return { share: u / (n * m), p: Math.min(1, 2 * upperTail(z)) }
}

/** Of the normal distribution. Abramowitz and Stegun, 26.2.17: right to 7.5e-8. */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z)
  const terms = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429]
  const polynomial = terms.reduceRight((sum, term) => (sum + term) * t, 0)
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial
}
