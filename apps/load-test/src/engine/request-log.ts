import type { SecurityEvent } from '../stack/security-events.ts'
import type { Operation, Outcome } from './tally.ts'

/** One request, without secrets. */
export interface Sent {
  /** Milliseconds since 1970. */
  at: number
  /** The number of the tab, 1 or 2. */
  tab: number
  /** `refresh 7` presents the seventh refresh token of the session. */
  what: string
  /** Absent while there is no answer. */
  answer?: Answered
}

interface Answered {
  /** 0 if no answer came. */
  status: number
  /** The error code of the answer (RFC 6749), or undici's if no answer came. */
  code: string
  server: string
  /** Milliseconds from request to answer. */
  ms: number
}

/** Something that must not happen, and what led to it. */
export interface Anomaly {
  /** Milliseconds since 1970. */
  at: number
  operation: Operation
  outcome: Outcome
  /** The number of the client, from 1. 0 is an attacker. */
  client: number
  /** A description, if the outcome is `wrong`. */
  why?: string
  /** The session id, or empty if it is unknown. */
  sid: string
  /** The client's last requests, oldest first. */
  sent: Sent[]
  /** The session's events, if the stack is ours. */
  securityEvents?: SecurityEvent[]
}

const KEPT = 12

/** A client's last requests to the auth server, and its calls that failed. */
export class RequestLog {
  readonly #sent: Sent[] = []

  /** @returns the same object, to which the answer is added later. */
  add(sent: Sent): Sent {
    this.#sent.push(sent)
    if (this.#sent.length > KEPT) this.#sent.shift()
    return sent
  }

  take(): Sent[] {
    return structuredClone(this.#sent)
  }
}
