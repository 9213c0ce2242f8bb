import { InvalidArgumentError } from 'commander'

const MS_IN: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Parses `60s`, `500ms` or `2m`. Returns milliseconds. */
export function duration(text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? []
  if (amount === undefined) throw new InvalidArgumentError('Write a time as 500ms, 60s, 2m or 1h.')
  return Number(amount) * (MS_IN[unit] ?? 1)
}

/** Parses `1,2,4`. */
export function list<T>(item: (text: string) => T): (text: string) => T[] {
  return (text) => text.split(',').map((one) => item(one.trim()))
}

/** Parses `0.1%` or `0.001`. Returns a share of 1. */
export function share(text: string): number {
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text)
  if (text === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError('Write a share as 0.1% or 0.001.')
  return value
}

/** Parses `500` or `500/s`. Returns the rate per second. */
export function rate(text: string): number {
  const value = Number(text.replace(/\/s$/, ''))
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('Write a rate as 500 or 500/s.')
  return value
}
