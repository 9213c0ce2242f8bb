import { setTimeout as sleep } from 'node:timers/promises'
import { copyFolder } from '../copy-folder.ts'
import type { Proxy } from '../proxy.ts'
import { signalAll } from '../processes.ts'
import { DISK_FULL } from './disk.ts'
import { type Fault, repeated } from './fault.ts'

const LAG_MS = 500

export const POSTGRES_FAULTS: Fault[] = [
  {
    name: 'Postgres killed',
    inject: async ({ house }) => signalAll(house.postgres, 'SIGKILL'),
    heal: ({ house }) => house.restartPostgres(),
  },
  {
    name: 'Postgres stopped, not closed',
    inject: async ({ house }) => signalAll(house.postgres, 'SIGSTOP'),
    heal: async ({ house }) => signalAll(house.postgres, 'SIGCONT'),
  },
  repeated('Postgres: connections terminated', 300, ({ house }) =>
    house.askPostgres(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'heirloom-auth-server'`,
    ),
  ),
  DISK_FULL,
  restored(),
  laggingStandby(),
  {
    name: 'Redis and Postgres killed',
    async inject({ house }) {
      signalAll(house.postgres, 'SIGKILL')
      signalAll(house.redis, 'SIGKILL')
    },
    async heal({ house }) {
      await Promise.all([house.restartPostgres(), house.restartRedis()])
    },
  },
]

/** It lacks the last logins and logouts, which Redis knows of. */
function laggingStandby(): Fault {
  let link: Proxy
  return {
    name: `Postgres: a standby that lags ${LAG_MS} ms takes over, then \`admin restore\``,
    async prepare({ house }) {
      link = await house.addStandby()
    },
    async inject({ house }) {
      link.hold()
      await sleep(LAG_MS)
      signalAll(house.postgres, 'SIGKILL')
      await house.postgres.exited
      await house.promoteStandby()
    },
    async heal({ house, load }) {
      await house.admin('restore')
      await load.takeStock()
    },
  }
}

/** What happened since the backup is in Redis; until `restore` nothing is decided. */
function restored(): Fault {
  return {
    name: 'Postgres back from an old backup, then `admin restore`',
    async prepare({ house }) {
      await house.postgres.stop()
      copyFolder(house.postgresFolder, `${house.postgresFolder}.backup`)
      await house.restartPostgres()
    },
    async inject({ house }) {
      signalAll(house.postgres, 'SIGKILL')
      await house.postgres.exited
      copyFolder(`${house.postgresFolder}.backup`, house.postgresFolder)
      await house.restartPostgres()
    },
    async heal({ house, load }) {
      await house.admin('restore')
      await load.takeStock()
    },
  }
}
