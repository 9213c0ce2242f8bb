import { setTimeout as sleep } from 'node:timers/promises'
import { type Fault, together } from './fault.ts'
import { REDIS_REPLIES_LOST } from './network.ts'
import { REDIS_KILLED } from './redis.ts'
import { SERVER_KILLED } from './servers.ts'

/** Until the servers have noticed the first fault, in milliseconds. */
const MEANWHILE_MS = 1_000

let restarting: Promise<void>
const POSTGRES_RESTARTS: Fault = {
  name: 'Postgres restarts',
  async inject({ cluster }) {
    restarting = (async () => {
      await sleep(MEANWHILE_MS)
      await cluster.postgres.stop()
      await cluster.restartPostgres()
    })()
    // `heal` throws it.
    restarting.catch(() => undefined)
  },
  heal: () => restarting,
}

export const TWO_FAULTS: Fault[] = [
  together('Redis killed, and then an auth-server', REDIS_KILLED, {
    ...SERVER_KILLED,
    async inject(context) {
      await sleep(MEANWHILE_MS)
      await SERVER_KILLED.inject(context)
    },
  }),
  together('replies of Redis lost, and Postgres restarts', REDIS_REPLIES_LOST, POSTGRES_RESTARTS),
]
