import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '@heirloom/local-stack'
import type { TestCluster } from '../test-cluster.ts'
import type { Layout } from '../test-stores.ts'
import type { Load } from '../load.ts'
import { signalAll } from '../processes.ts'
import type { Proxy } from '../proxy.ts'

export interface FaultContext {
  cluster: TestCluster
  load: Load
}

/** Something that breaks, and how it is repaired. */
export interface Fault {
  name: string
  /** Default: `one`. */
  layout?: Layout
  /** Why it cannot be tried here, or null. */
  obstacle?: () => string | null
  /** Runs before the load is measured. */
  prepare?: (context: FaultContext) => Promise<void>
  inject: (context: FaultContext) => Promise<unknown>
  heal: (context: FaultContext) => Promise<unknown>
  /** Runs after the checks. */
  tidy?: (context: FaultContext) => Promise<unknown>
  /** One server alone may lose Redis. The others then see its revocations within the stated bound. */
  isOneSided?: true
  /** After this time clients give a request up and use another server, in milliseconds. */
  patienceMs?: number
  /** Lasts at least so long, in milliseconds. */
  leastMs?: number
  /** A suspended server cannot answer in time. */
  isSuspended?: true
}

/** How far a replica or a standby lags. */
export const LAG_MS = 500

/** Kills a store whose copy lacks its last writes. */
export function killedBeforeItsCopy(
  addCopy: (cluster: TestCluster) => Promise<Proxy>,
  storeOf: (cluster: TestCluster) => Store,
): Pick<Fault, 'inject'> & Required<Pick<Fault, 'prepare'>> {
  let link: Proxy
  return {
    async prepare({ cluster }) {
      link = await addCopy(cluster)
    },
    async inject({ cluster }) {
      link.hold()
      await sleep(LAG_MS)
      signalAll(storeOf(cluster), 'SIGKILL')
      await storeOf(cluster).exited
    },
  }
}

/** Two faults at once. */
export const together = (name: string, one: Fault, other: Fault): Fault => ({
  name,
  ...((one.isOneSided ?? other.isOneSided) && { isOneSided: true }),
  async inject(context) {
    await one.inject(context)
    await other.inject(context)
  },
  async heal(context) {
    await other.heal(context)
    await one.heal(context)
  },
})

/** A momentary fault that happens again and again. */
export function repeated(
  name: string,
  everyMs: number,
  once: (context: FaultContext) => unknown,
  heal: Fault['heal'] = async () => undefined,
): Fault {
  let over = new AbortController()
  let running: Promise<void> = Promise.resolve()
  return {
    name,
    async inject(context) {
      const { signal } = (over = new AbortController())
      running = (async () => {
        while (!signal.aborted) {
          await once(context)
          await sleep(everyMs)
        }
      })()
      // `heal` throws it.
      running.catch(() => undefined)
    },
    async heal(context) {
      over.abort()
      await running
      await heal(context)
    },
  }
}
