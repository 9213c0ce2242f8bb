import { type KeyObject } from 'node:crypto'
import type { Prisma } from '../generated/prisma/client.ts'
import { type Database, query } from '../postgres/database.ts'
import { type AlgorithmName, type PublicJwk, generateSigningKey, toPublicJwk } from './algorithms.ts'
import type { KeyEncryption } from './key-encryption.ts'

export interface SigningKey {
  kid: string
  algorithm: AlgorithmName
  publicJwk: PublicJwk
  privateKey: KeyObject
  /** The key is published from this time on. All times are in milliseconds since 1970. */
  createdAt: number
  signsFrom: number
  /** When it leaves the JWKS; null while there is no newer key. */
  leavesAt: number | null
}

export type KeyState = 'coming' | 'signing' | 'retiring'

export interface KeyPolicy {
  algorithm: AlgorithmName
  /** The length of an RSA key. */
  bits: number
  /** How long a key is published before it signs. */
  leadMs: number
  /** How long a key stays published after its last signature: as long as its tokens live. Asked at each `refresh`. */
  retireMs: () => number
  /** The next key is made when the newest one is this old. Null: by command only. */
  rotateAfterMs: number | null
}

/** The number of an advisory lock: one server at a time makes a key. */
const LOCK = 0x6865_6972

/** The most keys that are published at once: half of the default `maxKeys` of `@heirloom/verifier`. */
export const MAX_KEYS = 16

/** Why no key was made, and until when none can be, in milliseconds since 1970. */
export type NotRotated = { reason: 'one_is_coming'; kid: string; until: number } | { reason: 'too_many'; until: number }

/** Makes keys, stores them in Postgres, and selects the one that signs. Without Postgres, it uses the keys that it has. */
export class KeyRing {
  readonly #database: Database
  readonly #encryption: KeyEncryption
  readonly #policy: KeyPolicy
  readonly #onMade: (kid: string) => void
  #keys: readonly SigningKey[] = []

  /** @param onMade called after this server has made a key. */
  constructor(database: Database, encryption: KeyEncryption, policy: KeyPolicy, onMade: (kid: string) => void) {
    this.#database = database
    this.#onMade = onMade
    this.#encryption = encryption
    this.#policy = policy
  }

  /** Reads the keys again, and makes one if it is due: the first, one for another algorithm, or the next on schedule. */
  async refresh(): Promise<void> {
    const keys = await this.#read()
    const newest = keys.at(-1)
    if (!newest || this.#isDue(newest)) await this.#make((current) => this.#isScheduled(current))
    else this.#keys = keys
  }

  /**
   * Makes the next key, which signs once it has been published for long enough. Returns null, or why none was made. At most
   * one key is coming, so that verifiers can always accept the whole key set.
   * @param onMade is called instead of the constructor's.
   */
  async rotate(onMade?: (kid: string) => void): Promise<NotRotated | null> {
    let refused: NotRotated | null = null
    await this.#make((keys) => {
      refused = this.#whyNot(keys)
      return refused === null
    }, onMade)
    return refused
  }

  /**
   * Removes a key at once, for example because its private key has leaked. Every service that fetches the key set again
   * refuses its tokens. If it was the last one, a new key is made and signs at once. Returns false if there is no such key.
   */
  async remove(kid: string): Promise<boolean> {
    const { count } = await query(this.#database.signingKey.deleteMany({ where: { kid } }))
    await this.refresh()
    return count > 0
  }

  /** The key that signs now. @throws Error if there is none, because `refresh` has not succeeded yet. */
  signing(now: number): SigningKey {
    const key = this.#keys.findLast(({ signsFrom }) => signsFrom <= now) ?? this.#keys[0]
    if (!key) throw new Error('there is no signing key yet')
    return key
  }

  /** Coming, signing and retiring keys, oldest first. */
  published(now: number): readonly SigningKey[] {
    return this.#keys.filter(({ leavesAt }) => leavesAt === null || now < leavesAt)
  }

  stateOf(key: SigningKey, now: number): KeyState {
    if (key === this.signing(now)) return 'signing'
    return key.signsFrom > now ? 'coming' : 'retiring'
  }

  /** Deletes the keys that no valid token can name any more, and returns how many. */
  async prune(now: number): Promise<number> {
    const gone = (await this.#read()).filter(({ leavesAt }) => leavesAt !== null && leavesAt <= now)
    const { count } = await query(
      this.#database.signingKey.deleteMany({ where: { kid: { in: gone.map(({ kid }) => kid) } } }),
    )
    return count
  }

  /** Never while one is coming: servers with different algorithms in their settings would make key after key. */
  #isDue(newest: SigningKey): boolean {
    const { algorithm, rotateAfterMs } = this.#policy
    if (newest.signsFrom > Date.now()) return false
    if (newest.algorithm !== algorithm) return true
    return rotateAfterMs !== null && Date.now() - newest.createdAt >= rotateAfterMs
  }

  #isScheduled(keys: readonly SigningKey[]): boolean {
    const newest = keys.at(-1)
    return !newest || (this.#isDue(newest) && this.#whyNot(keys) === null)
  }

  /** Keys that have left the key set do not count, whether pruned or not. */
  #whyNot(keys: readonly SigningKey[]): NotRotated | null {
    const now = Date.now()
    const newest = keys.at(-1)
    if (newest && newest.signsFrom > now) return { reason: 'one_is_coming', kid: newest.kid, until: newest.signsFrom }
    const leaving = keys.map(({ leavesAt }) => leavesAt).filter((at) => at !== null && at > now)
    const until = leaving[leaving.length + 1 - MAX_KEYS]
    return until === undefined || until === null ? null : { reason: 'too_many', until }
  }

  /** Under a lock, so that servers that start together, or that find the same key too old, make one key and not two. */
  async #make(isNeeded: (keys: readonly SigningKey[]) => boolean, onMade = this.#onMade): Promise<void> {
    const { algorithm, bits, leadMs } = this.#policy
    // Before the lock, because it may take longer than a statement is allowed to.
    const privateKey = await generateSigningKey(algorithm, bits)
    const made = await query(
      this.#database.$transaction(
        async (transaction) => {
          await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK})`
          const keys = await this.#read(transaction)
          if (!isNeeded(keys)) return null
          const publicJwk = toPublicJwk(privateKey, algorithm)
          const { kid } = publicJwk
          const lead = keys.length === 0 ? 0 : leadMs
          await transaction.$executeRaw`
            INSERT INTO ${this.#database.tables.signingKeys} (kid, algorithm, public_jwk, private_encrypted, created_at, signs_from)
            VALUES (${kid}, ${algorithm}, ${JSON.stringify(publicJwk)}::jsonb, ${this.#encryption.wrap(kid, privateKey)},
                    now(), now() + ${lead} * interval '1 millisecond')`
          return kid
        },
        { maxWait: 10_000, timeout: 30_000, isolationLevel: 'ReadCommitted' },
      ),
    )
    if (made !== null) onMade(made)
    this.#keys = await this.#read()
  }

  async #read(database: Prisma.TransactionClient = this.#database): Promise<readonly SigningKey[]> {
    const rows = await query(database.signingKey.findMany({ orderBy: [{ signsFrom: 'asc' }, { kid: 'asc' }] }))
    return rows.map((row, i) => {
      const next = rows[i + 1]
      return {
        kid: row.kid,
        algorithm: row.algorithm as AlgorithmName,
        publicJwk: row.publicJwk as unknown as PublicJwk,
        privateKey: this.#unwrap(row.kid, row.privateEncrypted),
        createdAt: row.createdAt.getTime(),
        signsFrom: row.signsFrom.getTime(),
        leavesAt: next ? next.signsFrom.getTime() + this.#policy.retireMs() : null,
      }
    })
  }

  #unwrap(kid: string, wrapped: Uint8Array): KeyObject {
    const known = this.#keys.find((key) => key.kid === kid)
    if (known) return known.privateKey
    try {
      return this.#encryption.unwrap(kid, wrapped)
    } catch (cause) {
      throw new Error('KEY_ENCRYPTION_SECRET cannot decrypt the signing keys in the database.', { cause })
    }
  }
}
