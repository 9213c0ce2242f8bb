import { setTimeout as sleep } from 'node:timers/promises'
import { type Fault, repeated } from './fault.ts'

const VICTIM = 1
/** How long a start takes, in milliseconds. On a busy machine it is up to twice as long. */
const START_MS = 1_000
const MINUTE_MS = 60_000

const STOPPED: Fault = {
  name: 'an auth-server stopped, not closed',
  isSuspended: true,
  // When it resumes, its connection to Redis has expired while the others use Redis.
  isOneSided: true,
  inject: async ({ cluster }) => cluster.node(VICTIM).service.kill('SIGSTOP'),
  heal: async ({ cluster }) => cluster.node(VICTIM).service.kill('SIGCONT'),
}

const clockMoved = (name: string, ms: number): Fault => ({
  name,
  prepare: async ({ cluster }) => {
    cluster.node(VICTIM).service.kill('SIGTERM')
    await cluster.restartServer(VICTIM, ms)
  },
  inject: async ({ cluster }) => cluster.node(VICTIM).service.kill('SIGWINCH'),
  heal: async ({ cluster }) => cluster.node(VICTIM).service.kill('SIGWINCH'),
})

export const SERVER_KILLED: Fault = {
  name: 'an auth-server killed',
  inject: async ({ cluster }) => cluster.node(VICTIM).service.kill('SIGKILL'),
  heal: ({ cluster }) => cluster.restartServer(VICTIM),
}

export const SERVER_FAULTS: Fault[] = [
  SERVER_KILLED,
  repeated(
    'an auth-server killed while it starts',
    0,
    async ({ cluster }) => {
      cluster.node(VICTIM).service.kill('SIGKILL')
      await cluster.startServer(VICTIM)
      await sleep(Math.random() * 2 * START_MS)
    },
    async ({ cluster }) => {
      cluster.node(VICTIM).service.kill('SIGKILL')
      await cluster.restartServer(VICTIM)
    },
  ),
  STOPPED,
  // It reads the requests that it had received when it resumes, long after its clients have moved on.
  { ...STOPPED, name: 'an auth-server stopped, its clients ask elsewhere', patienceMs: 500 },
  clockMoved('the clock of one auth-server 90 s ahead', 1.5 * MINUTE_MS),
  clockMoved('the clock of one auth-server back an hour', -60 * MINUTE_MS),
]
