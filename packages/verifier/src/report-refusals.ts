import type { Refusal } from './refusal.ts'

/** Receives why a request was refused, for the service's log. A refusal never contains the token or a part of it. */
export type OnRefusal<Request> = (refusal: Refusal, request: Request) => void

const MAX_PER_SECOND = 10

/** Passes on at most 10 refusals a second: a flood of bad tokens must not become a flood of log lines. */
export function reportRefusals<Request>(onRefusal: OnRefusal<Request>): OnRefusal<Request> {
  let second = 0
  let reported = 0
  return (refusal, request) => {
    const now = Math.floor(performance.now() / 1000)
    if (now !== second) {
      second = now
      reported = 0
    }
    if (reported++ < MAX_PER_SECOND) onRefusal(refusal, request)
  }
}
