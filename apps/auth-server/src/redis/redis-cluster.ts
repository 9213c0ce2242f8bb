import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import slotOf from 'cluster-key-slot'
import type { RedisAccess, RunOnEach, RunScript } from './redis-access.ts'
import { type ClusterMap, type Master, askForMap } from './redis-cluster-map.ts'
import { COMMAND_TIMEOUT_MS, KEYS_IN_A_SCRIPT, RedisConnection } from './redis-connection.ts'
import { type RedisAddress, parseRedisUrl } from './redis-url.ts'
import { StoreUnavailable } from '../connection/store-unavailable.ts'

const RETRY_MS = 50
/** How long to wait for a master that was not known before. */
const READY_WITHIN_MS = 300

interface Node {
  connection: RedisConnection
  scripts: Map<string, RunScript<unknown>>
  /** A key in a slot of this master. */
  probeKey: string
}

/**
 * The masters of a Redis Cluster, each with a connection of its own. A redirection is followed only to a master that is
 * known already. A promoted replica lacks the last writes, so it must not answer before `onLost` was called.
 */
export class RedisCluster implements RedisAccess {
  readonly #address: RedisAddress
  readonly #onTrouble: (error: Error) => void
  readonly #timeoutMs: number
  readonly #onLost: (() => void)[] = []
  readonly #scripts = new Map<string, string>()
  #nodes = new Map<string, Node>()
  /** The address of the master of each slot. */
  #owners: string[] = []
  /** Something contradicted the map. */
  #isStale = true
  #closed = false

  /** @param timeoutMs of a command. */
  constructor(url: string, onTrouble: (error: Error) => void = () => undefined, timeoutMs = COMMAND_TIMEOUT_MS) {
    this.#address = parseRedisUrl(url)
    this.#onTrouble = onTrouble
    this.#timeoutMs = timeoutMs
  }

  onLost(callback: () => void): void {
    this.#onLost.push(callback)
  }

  async ready(withinMs: number): Promise<void> {
    const deadline = Date.now() + withinMs
    while (this.#isStale && Date.now() < deadline) {
      await this.#readMap().catch((error: Error) => {
        this.#onTrouble(error)
        return sleep(RETRY_MS)
      })
    }
  }

  /** One id for all masters: if any of them lost something, all copies are merged anew. */
  async probe(): Promise<string> {
    if (this.#isStale) await this.#readMap()
    try {
      return await this.#probeAll()
    } catch (error) {
      this.#isStale = true
      // An operator promoted a replica, or a slot moved: no reason to work without Redis.
      if (!(error instanceof Error && error.message.startsWith('MOVED '))) throw error
      await this.#readMap()
      return await this.#probeAll()
    }
  }

  script<Answer>(name: string, lua: string): RunScript<Answer> {
    this.#scripts.set(name, lua)
    for (const { connection, scripts } of this.#nodes.values()) scripts.set(name, connection.script(name, lua))
    return async (key, ...args) => {
      const slot = slotOf(key)
      const run = ({ scripts }: Node) => scripts.get(name)?.(key, ...args) as Promise<Answer>
      const owner = this.#nodes.get(this.#owners[slot] ?? '')
      if (!owner) throw new StoreUnavailable('Redis', new Error('no master of the cluster is known for this key'))
      try {
        return await run(owner)
      } catch (error) {
        const { node, isOnce } = this.#redirected(error, slot)
        // ASKING counts for the next command only, so nothing may come between the two.
        if (isOnce) void node.connection.client.asking().catch(() => undefined)
        return await run(node)
      }
    }
  }

  scriptOnEach(name: string, lua: string): RunOnEach {
    const run = this.script<unknown>(name, lua)
    return async (keys, shared, own) => {
      for (let i = 0; i < keys.length; i += KEYS_IN_A_SCRIPT)
        await Promise.all(keys.slice(i, i + KEYS_IN_A_SCRIPT).map((key, j) => run(key, ...shared, own[i + j] ?? '')))
    }
  }

  async *scan(pattern: string): AsyncGenerator<string[]> {
    for (const { connection } of this.#nodes.values()) yield* connection.scan(pattern)
  }

  close(): void {
    this.#closed = true
    for (const { connection } of this.#nodes.values()) connection.close()
  }

  /** The known master to which a node redirects. @throws the given error if there is none. */
  #redirected(error: unknown, slot: number): { node: Node; isOnce: boolean } {
    const reply = error instanceof StoreUnavailable && error.cause instanceof Error ? error.cause.message : ''
    const [, kind, address = ''] = /^(MOVED|ASK) \d+ (\S+)$/.exec(reply) ?? []
    const node = this.#nodes.get(address)
    if (kind !== undefined) this.#isStale ||= !node
    if (!node) throw error
    if (kind === 'MOVED') this.#owners[slot] = address
    return { node, isOnce: kind === 'ASK' }
  }

  async #probeAll(): Promise<string> {
    const lives = await Promise.all(
      [...this.#nodes.values()].map(({ connection, probeKey }) => connection.probe(probeKey)),
    )
    return createHash('sha256').update(lives.toSorted().join()).digest('base64url')
  }

  async #readMap(): Promise<void> {
    const known = [...this.#nodes].map(([address, { connection }]) => ({ address, connection }))
    const map = await askForMap(this.#address, known)
    if (this.#closed) return
    this.#use(map)
    await Promise.all([...this.#nodes.values()].map(({ connection }) => connection.ready(READY_WITHIN_MS)))
  }

  #use({ masters }: ClusterMap): void {
    const before = this.#nodes
    const isSame = masters.length === before.size && masters.every(({ address }) => before.has(address))
    this.#nodes = new Map(
      masters.map((master) => {
        const { connection, scripts } = before.get(master.address) ?? this.#connect(master)
        return [master.address, { connection, scripts, probeKey: probeKeyOf(master) }]
      }),
    )
    this.#owners = []
    for (const { address, ranges } of masters)
      for (const [first, last] of ranges) for (let slot = first; slot <= last; slot++) this.#owners[slot] = address
    this.#isStale = false
    if (!isSame) this.#onLostMemory()
    for (const [address, { connection }] of before) if (!this.#nodes.has(address)) connection.close()
  }

  #connect({ address, host, port }: Master): Pick<Node, 'connection' | 'scripts'> {
    const connection = new RedisConnection({ ...this.#address.login, host, port }, this.#onTrouble, this.#timeoutMs)
    connection.onLost(() => {
      // This connection is not in use any more.
      if (this.#nodes.get(address)?.connection !== connection) return
      this.#isStale = true
      this.#onLostMemory()
    })
    const scripts = new Map([...this.#scripts].map(([name, lua]) => [name, connection.script<unknown>(name, lua)]))
    return { connection, scripts }
  }

  #onLostMemory(): void {
    for (const callback of this.#onLost) callback()
  }
}

function probeKeyOf({ ranges }: Master): string {
  for (let n = 0; ; n++) {
    const key = `heirloom:probe:{${n}}`
    const slot = slotOf(key)
    if (ranges.some(([first, last]) => first <= slot && slot <= last)) return key
  }
}
