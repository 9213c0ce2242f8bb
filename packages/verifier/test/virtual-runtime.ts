import type { KeySetEvent, Runtime } from '../src/index.ts'
import { NOW_SECONDS } from './issuer.ts'

/** Time that passes only by `advance`. There is no jitter unless `random` is set. */
export function virtualRuntime() {
  let now = NOW_SECONDS * 1000
  const timers = new Set<{ at: number; callback: () => void }>()
  const runtime = {
    now: () => now,
    setTimer(callback: () => void, milliseconds: number) {
      const timer = { at: now + milliseconds, callback }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    random: () => 0,
    fetch: globalThis.fetch,
  } satisfies Runtime
  return {
    runtime,
    get pendingMs() {
      return [...timers].map(({ at }) => at - now).toSorted((a, b) => a - b)
    },
    advance(milliseconds: number) {
      const end = now + milliseconds
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)
        if (!next) break
        timers.delete(next)
        now = next.at
        next.callback()
      }
      now = end
    },
  }
}

/** Takes events, and hands them out one by one to the waiting test. */
export function eventQueue<Event = KeySetEvent>() {
  const arrived: Event[] = []
  let wake: (() => void) | undefined
  return {
    onEvent: (event: Event) => {
      arrived.push(event)
      wake?.()
    },
    async next(): Promise<Event> {
      for (;;) {
        const event = arrived.shift()
        if (event) return event
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
  }
}
