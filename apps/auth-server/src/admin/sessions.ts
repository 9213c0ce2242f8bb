import type { Command } from 'commander'
import type { Core } from '../services/core.ts'
import { describeEvent } from '../services/event-descriptions.ts'
import { prune } from '../services/prune.ts'
import { shownSession } from '../services/admin/export-user.ts'
import { endUserSession, endUserSessions } from '../services/admin/sessions.ts'
import { isLive } from '../services/sessions/sessions.ts'
import type { KeptEvent } from '../stores/audit-events.ts'
import type { Session } from '../stores/sessions.ts'
import { type Door, UsageError } from './door.ts'
import { findUser } from './users.ts'

/** The newest events of a user that are shown. The table may have more. */
const EVENTS_SHOWN = 500

const SESSIONS_IN_A_PAGE = 500

export function sessionCommands(program: Command, { onCore, onStores }: Door): void {
  const session = program.command('session').description('manages the sessions of users')
  session
    .command('list <name>')
    .description('lists the sessions of a user, each with its events')
    .action(
      onCore(async (core, name: string) => {
        const { id } = await findUser(core, name)
        const [events, now] = await Promise.all([core.events.ofUser(id, EVENTS_SHOWN), core.clock.now()])
        return { sessions: shownSessions(core, id, events, now) }
      }),
    )
  session
    .command('revoke <name> [sid]')
    .description('ends one session of a user, or all of them')
    .action(
      onStores(async (parts, name: string, sid?: string) => {
        const { id } = await findUser(parts.core, name)
        const ended = await (sid === undefined
          ? endUserSessions(parts, { id })
          : endUserSession(parts, { id, session_id: sid }))
        if (!ended.ok) throw new UsageError(`${name} has no session ${JSON.stringify(sid)}`)
        return { sessions_ended: ended.sessions_ended }
      }),
    )
  session
    .command('prune')
    .description('deletes sessions that ended more than a week ago, old security events and unused signing keys')
    .action(onCore(prune))
}

async function* shownSessions(core: Core, userId: string, events: readonly KeptEvent[], now: number) {
  for (let after: Session | undefined; ;) {
    const page = await core.sessions.ofUser(userId, SESSIONS_IN_A_PAGE, after)
    for (const one of page)
      yield {
        ...shownSession(one, isLive(core, one, now)),
        events: events
          .filter(({ sid }) => sid === one.sid)
          .map((event) => `${new Date(event.at).toISOString()} ${describeEvent(event)}`),
      }
    after = page.at(-1)
    if (page.length < SESSIONS_IN_A_PAGE) return
  }
}
