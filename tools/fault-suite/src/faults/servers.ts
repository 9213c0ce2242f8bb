import { setTimeout as sleep } from 'node:timers/promises'
import { type Fault, repeated } from './fault.ts'

const VICTIM = 1
/** A start takes about so long, or twice as long on a busy machine. Milliseconds. */
const START_MS = 1_000
const MINUTE_MS = 60_000

const STOPPED: Fault = {
  name: 'an auth-server stopped, not closed',
  isMute: true,
  // When it goes on, its connection to Redis has lapsed, and the others believe Redis.
  isOneSided: true,
  inject: async ({ house }) => house.node(VICTIM).service.kill('SIGSTOP'),
  heal: async ({ house }) => house.node(VICTIM).service.kill('SIGCONT'),
}

const clockMoved = (name: string, ms: number): Fault => ({
  name,
  prepare: async ({ house }) => {
    house.node(VICTIM).service.kill('SIGTERM')
    await house.restartServer(VICTIM, ms)
  },
  inject: async ({ house }) => house.node(VICTIM).service.kill('SIGWINCH'),
  heal: async ({ house }) => house.node(VICTIM).service.kill('SIGWINCH'),
})

export const SERVER_KILLED: Fault = {
  name: 'an auth-server killed',
  inject: async ({ house }) => house.node(VICTIM).service.kill('SIGKILL'),
  heal: ({ house }) => house.restartServer(VICTIM),
}

export const SERVER_FAULTS: Fault[] = [
  SERVER_KILLED,
  repeated(
    'an auth-server killed while it starts',
    0,
    async ({ house }) => {
      house.node(VICTIM).service.kill('SIGKILL')
      await house.startServer(VICTIM)
      await sleep(Math.random() * 2 * START_MS)
    },
    async ({ house }) => {
      house.node(VICTIM).service.kill('SIGKILL')
      await house.restartServer(VICTIM)
    },
  ),
  STOPPED,
  // What it had received is read when it goes on, long after its clients have.
  { ...STOPPED, name: 'an auth-server stopped, its clients ask elsewhere', patienceMs: 500 },
  clockMoved('the clock of one auth-server 90 s ahead', 1.5 * MINUTE_MS),
  clockMoved('the clock of one auth-server back an hour', -60 * MINUTE_MS),
]
