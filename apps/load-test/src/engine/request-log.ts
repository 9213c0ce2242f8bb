import type { NotedEvent } from '../stack/noted-events.ts'
import type { Operation, Outcome } from './tally.ts'

/** One request, without what was secret in it. */
export interface Sent {
  /** Milliseconds since 1970. */
  at: number
  /** 1 or 2. */
  tab: number
  /** `refresh 7`: with the seventh refresh token of the session. */
  what: string
  /** Not there: it was not answered yet. */
  answer?: Answered
}

interface Answered {
  /** 0: none came. */
  status: number
  /** Of the answer, as in RFC 6749; of undici, where none came. */
  code: string
  server: string
  /** Milliseconds after it was sent. */
  ms: number
}

/** Something that must not happen, with what led to it. */
export interface Anomaly {
  /** Milliseconds since 1970. */
  at: number
  operation: Operation
  outcome: Outcome
  /** Clients are numbered from 1; 0: a stranger. */
  client: number
  /** Where the outcome is `wrong`: in words. */
  why?: string
  /** Of the session; empty where it is not known. */
  sid: string
  /** What the client had sent last, the oldest first. */
  sent: Sent[]
  /** What the auth servers noted of the session, where the stack is ours. */
  noted?: NotedEvent[]
}

const KEPT = 12

/** What a client has sent last: requests to the auth server, and calls that went wrong. */
export class RequestLog {
  readonly #sent: Sent[] = []

  /** @returns the same, to be completed when there is an answer. */
  add(sent: Sent): Sent {
    this.#sent.push(sent)
    if (this.#sent.length > KEPT) this.#sent.shift()
    return sent
  }

  take(): Sent[] {
    return structuredClone(this.#sent)
  }
}
