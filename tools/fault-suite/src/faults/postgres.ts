import { copyFolder } from '../copy-folder.ts'
import { signalAll } from '../processes.ts'
import { DISK_FULL } from './disk.ts'
import { type Fault, LAG_MS, killedBeforeItsCopy, repeated } from './fault.ts'

/** Redis has what Postgres lacks. Until the command has run, servers answer 503. */
const restore: Fault['heal'] = async ({ cluster, load }) => {
  await cluster.admin('restore')
  await load.countForgotten()
}

export const POSTGRES_FAULTS: Fault[] = [
  {
    name: 'Postgres killed',
    async inject({ cluster }) {
      signalAll(cluster.postgres, 'SIGKILL')
      await cluster.postgres.exited
    },
    heal: ({ cluster }) => cluster.restartPostgres(),
  },
  {
    name: 'Postgres stopped, not closed',
    inject: async ({ cluster }) => signalAll(cluster.postgres, 'SIGSTOP'),
    heal: async ({ cluster }) => signalAll(cluster.postgres, 'SIGCONT'),
  },
  repeated('Postgres: connections terminated', 300, ({ cluster }) =>
    cluster.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'heirloom-auth-server'`,
    ),
  ),
  DISK_FULL,
  restored(),
  laggingStandby(),
  {
    name: 'Redis and Postgres killed',
    async inject({ cluster }) {
      signalAll(cluster.postgres, 'SIGKILL')
      signalAll(cluster.redis, 'SIGKILL')
      await cluster.postgres.exited
    },
    async heal({ cluster }) {
      await Promise.all([cluster.restartPostgres(), cluster.restartRedis()])
    },
  },
]

/** The standby lacks the last logins and logouts. */
function laggingStandby(): Fault {
  const end = killedBeforeItsCopy(
    (cluster) => cluster.addStandby(),
    ({ postgres }) => postgres,
  )
  return {
    name: `Postgres: a standby that lags ${LAG_MS} ms takes over, then \`admin restore\``,
    prepare: end.prepare,
    async inject(context) {
      await end.inject(context)
      await context.cluster.promoteStandby()
    },
    heal: restore,
  }
}

function restored(): Fault {
  return {
    name: 'Postgres back from an old backup, then `admin restore`',
    async prepare({ cluster }) {
      await cluster.postgres.stop()
      await copyFolder(cluster.postgresFolder, `${cluster.postgresFolder}.backup`)
      await cluster.restartPostgres()
    },
    async inject({ cluster }) {
      signalAll(cluster.postgres, 'SIGKILL')
      await cluster.postgres.exited
      await copyFolder(`${cluster.postgresFolder}.backup`, cluster.postgresFolder)
      await cluster.restartPostgres()
    },
    heal: restore,
  }
}
