import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '@heirloom/local-stack'
import type { TestCluster, Layout } from '../test-cluster.ts'
import type { Load } from '../load.ts'
import { signalAll } from '../processes.ts'
import type { Proxy } from '../proxy.ts'

export interface FaultContext {
  house: TestCluster
  load: Load
}

/** Something that breaks, and is mended. */
export interface Fault {
  name: string
  /** Default: `one`. */
  layout?: Layout
  /** Why it cannot be had here, or null. */
  obstacle?: () => string | null
  /** Before the load is measured. */
  prepare?: (scene: FaultContext) => Promise<void>
  inject: (scene: FaultContext) => Promise<unknown>
  heal: (scene: FaultContext) => Promise<unknown>
  /** When all was checked. */
  tidy?: (scene: FaultContext) => Promise<unknown>
  /** One server alone may lose sight of Redis, so that others learn of its revocations within the stated bound. */
  isOneSided?: true
  /** Clients give a request up after so long, and ask elsewhere. Milliseconds. */
  patienceMs?: number
  /** A server that does not run answers nobody in time. */
  isMute?: true
}

/** Milliseconds. */
export const LAG_MS = 500

/** The end of a store whose copy has not heard of its last moments. */
export function killedBeforeItsCopy(
  addCopy: (house: TestCluster) => Promise<Proxy>,
  storeOf: (house: TestCluster) => Store,
): Pick<Fault, 'inject'> & Required<Pick<Fault, 'prepare'>> {
  let link: Proxy
  return {
    async prepare({ house }) {
      link = await addCopy(house)
    },
    async inject({ house }) {
      link.hold()
      await sleep(LAG_MS)
      signalAll(storeOf(house), 'SIGKILL')
      await storeOf(house).exited
    },
  }
}

/** Two at once. */
export const together = (name: string, one: Fault, other: Fault): Fault => ({
  name,
  ...((one.isOneSided ?? other.isOneSided) && { isOneSided: true }),
  async inject(scene) {
    await one.inject(scene)
    await other.inject(scene)
  },
  async heal(scene) {
    await other.heal(scene)
    await one.heal(scene)
  },
})

/** A fault that is over in a moment, and comes again and again. */
export function repeated(
  name: string,
  everyMs: number,
  once: (scene: FaultContext) => unknown,
  heal: Fault['heal'] = async () => undefined,
): Fault {
  let over = new AbortController()
  let running: Promise<void> = Promise.resolve()
  return {
    name,
    async inject(scene) {
      const { signal } = (over = new AbortController())
      running = (async () => {
        while (!signal.aborted) {
          await once(scene)
          await sleep(everyMs)
        }
      })()
      // Told by `heal`.
      running.catch(() => undefined)
    },
    async heal(scene) {
      over.abort()
      await running
      await heal(scene)
    },
  }
}
