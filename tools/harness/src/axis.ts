import { number } from './numbers.ts'

export interface Axis {
  label: string
  scale: 'linear' | 'log'
  /** Default: by the values. */
  ticks?: readonly number[]
  format?: (value: number) => string
  /** Whether the axis ends at the last value instead of a round number. */
  tight?: boolean
}

export interface Scale {
  /** From 0, at the beginning of the axis, to 1, at its end. */
  place: (value: number) => number
  ticks: readonly number[]
  format: (value: number) => string
}

const ABOUT_TICKS = 5

export function scaleOf({ scale, ticks, format = number, tight }: Axis, values: readonly number[]): Scale {
  const finite = values.filter((value) => Number.isFinite(value) && (scale === 'linear' || value > 0))
  const [least, most] = [Math.min(...finite), Math.max(...finite)]
  if (scale === 'log') {
    const [low, high] = [Math.log10(least || 1), Math.log10(most || 10)]
    const [from, to] = high - low < 0.01 ? [low - 0.5, high + 0.5] : [low, high]
    const place = (value: number) => (Math.log10(Math.max(value, 10 ** from)) - from) / (to - from)
    return { place, ticks: ticks ?? logTicks(from, to), format }
  }
  const from = Math.min(0, least)
  const to = most > from ? most : from + 1
  const shown = (ticks ?? linearTicks(from, to)).filter((tick) => !tight || tick <= to)
  const end = Math.max(to, shown.at(-1) ?? to)
  return { place: (value) => (value - from) / (end - from), ticks: shown, format }
}

/** 1, 2 or 5 times a power of ten apart, up to the first tick above all values. */
function linearTicks(from: number, to: number): number[] {
  const rough = (to - from) / ABOUT_TICKS
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough
  const count = Math.ceil((to - from) / step - 1e-9)
  return Array.from({ length: count + 1 }, (_, i) => from + i * step)
}

function logTicks(from: number, to: number): number[] {
  const steps = to - from > 2.5 ? [1] : [1, 2, 5]
  const ticks: number[] = []
  for (let power = Math.floor(from); power <= to; power++) ticks.push(...steps.map((n) => n * 10 ** power))
  return ticks.filter((tick) => Math.log10(tick) >= from - 1e-9 && Math.log10(tick) <= to + 1e-9)
}
