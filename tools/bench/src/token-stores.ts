import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { type Database, newDatabase } from '@heirloom/harness/database'
import { newSecrets } from '@heirloom/harness/services'
import { createMetrics } from '@heirloom/http-service'
import { EXAMPLE_REALM, createDatabase } from '@heirloom/local-stack'
import pg from 'pg'
import { pino } from 'pino'
import { wire } from '@heirloom/auth-server/internals/wiring'
import { readConfig } from '@heirloom/auth-server/internals/config'
import { policyOf } from '@heirloom/auth-server/internals/rules/client-policy'
import { decideRefresh } from '@heirloom/auth-server/internals/rules/decide-refresh'
import { EMPTY_STATE } from '@heirloom/auth-server/internals/rules/family'
import { StoreUnavailable } from '@heirloom/auth-server/internals/connection/store-unavailable'
import { AT_A_TIME } from './in-turns.ts'
import type { Stores } from './servers.ts'

/** Sessions in a store, each with its newest refresh token. */
export interface TokenStore {
  superuserUrl: string
  /** The table that may grow. */
  table: string
  open(session: number): Promise<void>
  /** Redeems the session's token for its successor. */
  refresh(session: number): Promise<void>
  /** Completes pending writes. */
  close(): Promise<void>
}

const DAY_MS = 86_400_000

/** Finds the token, checks it, marks it used and inserts its successor in one statement. */
const REDEEM = {
  name: 'redeem',
  text: `
    WITH used AS (
      UPDATE refresh_tokens AS t SET used_at = now() FROM sessions AS s
      WHERE t.token_hash = $1 AND t.used_at IS NULL AND t.expires_at > now()
        AND s.id = t.family_id AND s.revoked_at IS NULL AND s.expires_at > now()
      RETURNING s.id, s.user_id, s.client_id, s.scope
    ), successor AS (
      INSERT INTO refresh_tokens SELECT $2, id, now(), now() + interval '5 days', NULL FROM used
    )
    SELECT * FROM used`,
}

/**
 * One row per refresh, as most servers do it, but as lean as possible. The grant has its own row, so a token's row is its hash,
 * its family and three times. There are two indexes (pruning would need a third), and one prepared statement instead of the
 * usual three to five, without a library between the application and the driver.
 */
export async function rowPerRefresh({ postgres }: Stores): Promise<TokenStore> {
  const superuserUrl = await createDatabase(postgres.url, 'row-per-refresh')
  const pool = new pg.Pool({ connectionString: superuserUrl, max: AT_A_TIME })
  await pool.query(`
    CREATE TABLE sessions (
      id uuid PRIMARY KEY, user_id uuid NOT NULL, client_id text NOT NULL, scope text NOT NULL,
      created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, revoked_at timestamptz);
    CREATE TABLE refresh_tokens (
      token_hash bytea PRIMARY KEY, family_id uuid NOT NULL,
      created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, used_at timestamptz);
    CREATE INDEX ON refresh_tokens (family_id)`)
  const tokens: string[] = []
  const newToken = () => randomBytes(32).toString('base64url')
  const hash = (token: string) => createHash('sha256').update(token).digest()

  return {
    superuserUrl,
    table: 'refresh_tokens',
    async open(session) {
      const [id, token] = [randomUUID(), newToken()]
      await pool.query(
        `INSERT INTO sessions VALUES ($1, $2, 'web', 'reports:read', now(), now() + interval '30 days', NULL)`,
        [id, randomUUID()],
      )
      await pool.query(`INSERT INTO refresh_tokens VALUES ($1, $2, now(), now() + interval '5 days', NULL)`, [
        hash(token),
        id,
      ])
      tokens[session] = token
    },
    async refresh(session) {
      const successor = newToken()
      const { rowCount } = await pool.query({ ...REDEEM, values: [hash(tokens[session] ?? ''), hash(successor)] })
      if (rowCount !== 1) throw new Error('refused')
      tokens[session] = successor
    },
    close: () => pool.end(),
  }
}

/** Our stores as wired for the server, on a new database. */
export async function wireStores({ postgres }: Stores, redisUrl?: string) {
  const database: Database = await newDatabase(postgres.url, 'row-per-session')
  const secrets = newSecrets()
  const config = readConfig({
    DATABASE_URL: database.databaseUrl,
    REDIS_URL: redisUrl,
    REALM_FILE: EXAMPLE_REALM,
    ...secrets,
    DATABASE_POOL_SIZE: String(AT_A_TIME),
    DATABASE_STATEMENT_TIMEOUT_MS: '10000',
  })
  const parts = await withRetries(() => wire(config, pino({ level: 'silent' }), createMetrics()))
  return { ...database, tokenSecret: secrets.TOKEN_SECRETS, ...parts }
}

/** Ours: the work that a refresh asks of the tokens, the rule and the stores. */
export async function rowPerSession(stores: Stores, redisUrl?: string): Promise<TokenStore> {
  const { superuserUrl, core, close } = await wireStores(stores, redisUrl)
  const user = await withRetries(() =>
    core.accounts.add({ username: 'bench', usernameKey: 'bench', passwordHash: '', roles: ['user'] }),
  )
  if (!user) throw new Error('The user is there already.')
  const tokens: string[] = []

  return {
    superuserUrl,
    table: 'families',
    async open(session) {
      const now = Date.now()
      const id = randomBytes(16).toString('base64url')
      // Far from what the sequence gives.
      const statusIndex = 2 ** 40 + session
      const granted = { scope: 'reports:read', resources: 'resource-api auth-server', bindingKey: null }
      const grant = { id, sid: randomUUID(), userId: user.id, clientId: 'web', ...granted }
      const times = { createdAt: now, expiresAt: now + 30 * DAY_MS, parent: null, authTime: null }
      const origin = { device: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0)', ip: '203.0.113.7' }
      await withRetries(() =>
        core.families.open({ ...grant, ...times, statusIndex, ...EMPTY_STATE, redeemedAt: now }, origin),
      )
      tokens[session] = core.refreshTokens.issue(id, 1)
    },
    refresh: (session) =>
      withRetries(async () => {
        const token = core.refreshTokens.parse(tokens[session] ?? '')
        const found = token && (await core.families.load(token.family))
        if (!found) throw new Error('not found')
        const { family, now } = found
        const { generation } = token
        const presented = { generation, clientId: null, bindingKey: null }
        const state = { ...EMPTY_STATE, redeemed: generation, redeemedAt: now }
        const before = await core.families.advance({ id: family.id, expiresAt: family.expiresAt, state })
        const { kind } = decideRefresh(
          { ...family, ...before },
          presented,
          now,
          policyOf(core.realm.current(), 'web', core.config),
        )
        if (kind !== 'rotate' && kind !== 'repeat') throw new Error(kind)
        tokens[session] = core.refreshTokens.issue(family.id, generation + 1)
      }),
    close,
  }
}

const TRIES = 20

/** Tries again if a store did not answer in time, as a client would: the machine may be busy. */
export async function withRetries<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || attempt === TRIES) throw error
    }
  }
}
