import { join } from 'node:path'
import { type Store, startPostgres, startRedis } from '@heirloom/local-stack'

export interface Stores {
  postgres: Store
  /** Null if no Redis is installed. */
  redis: Store | null
  stop(): Promise<void>
}

interface StoresOptions {
  /** Holds both stores. It is created if missing. The caller removes it after `stop`. */
  dataDir: string
  /** Settings as in postgresql.conf. */
  postgresSettings?: Record<string, string>
}

/** Starts real stores. If one does not start, stops the other and throws, with one line. */
export async function startStores({ dataDir, postgresSettings = {} }: StoresOptions): Promise<Stores> {
  const postgres = await startPostgres({ dataDir: join(dataDir, 'postgres'), settings: postgresSettings })
  try {
    const redis = await startRedis({ dataDir: join(dataDir, 'redis') })
    return { postgres, redis, stop: async () => void (await Promise.all([postgres.stop(), redis?.stop()])) }
  } catch (error) {
    await postgres.stop()
    throw error
  }
}
