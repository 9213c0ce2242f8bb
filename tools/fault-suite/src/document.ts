import type { Outcome } from './run-fault.ts'
import type { Skipped } from './suite.ts'
import { table } from './table.ts'

interface Circumstances {
  servers: number
  sessions: number
  seconds: number
  times: number
  cores: number
}

/** docs/results/faults.md. */
export function document(outcomes: readonly Outcome[], skipped: readonly Skipped[], run: Circumstances): string {
  return `<!-- Written by: npm run test:faults -- --write docs/results/faults.md -->

# Faults, and what held

\`npm run test:faults\` starts ${run.servers} auth-servers, a resource service, and a real Postgres and Redis; lets sessions refresh,
retry, share their tokens between racing tabs, log in, log out and be stolen; breaks one thing for ${run.seconds} s; mends it; and then
tries every session at every server against a ledger of every answer that a client got. This table is of ${run.times} such run${run.times > 1 ? 's in a row' : ''}, on
${run.cores} cores: sums of what was counted, and the worst of what was measured.

${table(outcomes)}
${skipped.map(({ name, obstacle }) => `\n- ${name}: ${obstacle}.`).join('\n')}
- _errors that clients saw_: by status and route, while it was broken and while it recovered; each was asked again, and then
  worked. \`cut\` is a connection that ended, \`timeout\` a client that lost its patience. A thief is counted apart: with Postgres away
  it is answered 503, not 400, as the end of the session cannot be made durable; so is whoever asks with a token of a session
  that had ended. \`resource\` is the resource service: access tokens bear the time of the store, and it refuses those of another
  time than its own. That is no end of a session, but the reason to keep the clocks of the stores synchronised.
- _slowest_: of all answers. Beyond 2 s, and what a resource service that no fault touches took longest, it counts as broken; but
  not where a server is stopped: nobody answers in its place.
- _recovered_: from the mending, when what was stopped runs again, until refreshes go through Redis again and are at least 0.7 times as many as before.
- _rate_: refreshes during the fault, for each second that other programs on the machine left of its cores, as a share of those
  before it; with ${run.sessions} sessions that refresh without a pause.
- _1_ to _7_: the [invariants](../explanation/the-two-stores.md#invariants).

## What the ledger checks

| invariant | how                                                                                                               |
| --------- | ----------------------------------------------------------------------------------------------------------------- |
| 1         | every session asks with its newest token until it is answered, during the fault and then at every server          |
| 2         | the last token of every session that a logout was acknowledged for is tried at every server, at once and later    |
| 3         | every successor is compared with what the same token was answered before, by any server                           |
| 4         | an owner and a thief with an older copy both go on; then the tokens of both are tried at every server             |
| 5         | rows in Postgres and keys in Redis are counted: one a session                                                     |
| 6         | a resource service, which has its keys from a server that is killed, is asked twenty times a second               |
| 7         | a live session is never answered 400; what is not decided is 503 with \`Retry-After\`, and nothing is any other 5xx |
`
}
