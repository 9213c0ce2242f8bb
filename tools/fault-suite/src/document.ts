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

/** The page docs/results/faults.md. */
export function document(outcomes: readonly Outcome[], skipped: readonly Skipped[], run: Circumstances): string {
  return `<!-- Written by: npm run test:faults -- --write docs/results/faults.md -->

# Faults, and what held

\`npm run test:faults\` starts ${run.servers} auth servers, a resource service, and a real Postgres and Redis. Sessions refresh, retry, share
tokens between racing tabs, log in, log out, and are stolen. The suite breaks one thing for ${run.seconds} s, repairs it, and then tries every session
at every server. It keeps a ledger of every answer that a client got, which says what must happen. The table has the sums of the counts and
the worst of the measurements of ${run.times} run${run.times > 1 ? 's in a row' : ''} on ${run.cores} cores.

${table(outcomes)}
${skipped.map(({ name, obstacle }) => `\n- ${name}: ${obstacle}.`).join('\n')}
| column                    | meaning                                                                                                               |
| ------------------------- | --------------------------------------------------------------------------------------------------------------------- |
| errors that clients saw   | by status and route, during the fault and the recovery; each request was retried and then succeeded. \`cut\` means that the connection ended, \`timeout\` that the client gave up |
| … \`thief\`, \`ended\`    | of a thief, or of a session that has ended. While Postgres is down, these get 503 instead of 400, because the end of the session cannot be made durable yet |
| … \`resource\`            | of the resource service, if the clock of a store differs from its own. This ends no session, but is why the clocks of the stores must be synchronised |
| slowest                   | the slowest answer. The limit is 2 s, plus the slowest answer of a resource service that no fault affects. It is not applied while a server is suspended, because nothing answers in its place |
| recovered                 | the time from the repair until refreshes go through Redis again at 0.7 times their normal rate or more |
| rate                      | refreshes during the fault as a share of those before it, per second of CPU time that other programs left. ${run.sessions} sessions refresh without a pause |
| … \`unchecked\`          | a resource service (\`open\` or \`closed\`) could not have its status list, and accepted the token of an ended session, as it chose |
| 1 to 10                   | the [invariants](../explanation/the-two-stores.md#invariants) |

## What the ledger checks

| invariant | how                                                                                                               |
| --------- | ----------------------------------------------------------------------------------------------------------------- |
| 1         | every session presents its newest token until it is answered, during the fault and then at every server           |
| 2         | after an acknowledged logout, the session's last token is tried at every server, at once and later                |
| 3         | every successor is compared with earlier answers to the same token, from any server                               |
| 4         | an owner and a thief with an older copy both refresh; then the tokens of both are tried at every server           |
| 5         | rows in Postgres and keys in Redis are counted: one per session                                                   |
| 6         | a resource service, whose keys come from a server that is killed, is called twenty times a second                 |
| 7         | a live session never gets 400; undecided requests get 503 with \`Retry-After\`; no request gets any other 5xx       |
| 10        | access tokens of ended sessions are tried at two resource services: none that has the list accepts one beyond the bound, and \`closed\` accepts none once its copy is too old |
`
}
