import type { Command } from 'commander'
import type { Core } from '../services/core.ts'
import { describeEvent } from '../services/event-descriptions.ts'
import { prune } from '../services/prune.ts'
import { endAllSessions, endSession, isLive } from '../services/sessions/sessions.ts'
import type { KeptEvent } from '../stores/audit-events.ts'
import type { Session } from '../stores/sessions.ts'
import { type Door, UsageError } from './door.ts'
import { findUser } from './users.ts'

/** The newest events of a user that are shown. The table may have more. */
const EVENTS_SHOWN = 500

const SESSIONS_IN_A_PAGE = 500

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function sessionCommands(program: Command, { onCore }: Door): void {
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
      onCore(async (core, name: string, sid?: string) => {
        const { id } = await findUser(core, name)
        if (sid === undefined) return { sessions_ended: await endAllSessions(core, id, 'admin') }
        const ended = UUID.test(sid) && (await endSession(core, id, sid, 'admin')).ok
        if (!ended) throw new UsageError(`${name} has no session ${JSON.stringify(sid)}`)
        return { sessions_ended: 1 }
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
        id: one.sid,
        live: isLive(core, one, now),
        client_id: one.clientId,
        device: one.device,
        ip: one.ip,
        created_at: one.createdAt.toISOString(),
        last_used_at: one.lastUsedAt.toISOString(),
        expires_at: one.expiresAt.toISOString(),
        revoked_at: one.revokedAt?.toISOString() ?? null,
        revoked_reason: one.revokedReason,
        events: events
          .filter(({ sid }) => sid === one.sid)
          .map((event) => `${new Date(event.at).toISOString()} ${describeEvent(event)}`),
      }
    after = page.at(-1)
    if (page.length < SESSIONS_IN_A_PAGE) return
  }
}
