import { copyFolder } from '../copy-folder.ts'
import { signalAll } from '../processes.ts'
import { DISK_FULL } from './disk.ts'
import { type Fault, LAG_MS, killedBeforeItsCopy, repeated } from './fault.ts'

/** What happened that Postgres lacks is in Redis; until this nothing is decided. */
const restore: Fault['heal'] = async ({ house, load }) => {
  await house.admin('restore')
  await load.takeStock()
}

export const POSTGRES_FAULTS: Fault[] = [
  {
    name: 'Postgres killed',
    async inject({ house }) {
      signalAll(house.postgres, 'SIGKILL')
      await house.postgres.exited
    },
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
      await house.postgres.exited
    },
    async heal({ house }) {
      await Promise.all([house.restartPostgres(), house.restartRedis()])
    },
  },
]

/** It lacks the last logins and logouts. */
function laggingStandby(): Fault {
  const end = killedBeforeItsCopy(
    (house) => house.addStandby(),
    ({ postgres }) => postgres,
  )
  return {
    name: `Postgres: a standby that lags ${LAG_MS} ms takes over, then \`admin restore\``,
    prepare: end.prepare,
    async inject(scene) {
      await end.inject(scene)
      await scene.house.promoteStandby()
    },
    heal: restore,
  }
}

function restored(): Fault {
  return {
    name: 'Postgres back from an old backup, then `admin restore`',
    async prepare({ house }) {
      await house.postgres.stop()
      await copyFolder(house.postgresFolder, `${house.postgresFolder}.backup`)
      await house.restartPostgres()
    },
    async inject({ house }) {
      signalAll(house.postgres, 'SIGKILL')
      await house.postgres.exited
      await copyFolder(`${house.postgresFolder}.backup`, house.postgresFolder)
      await house.restartPostgres()
    },
    heal: restore,
  }
}
