import { SettingsError, shownJson, shownText } from '@heirloom/http-service'
import type { Command } from 'commander'
import { type Config, readConfig } from '../config.ts'
import { openDatabase } from '../postgres/database.ts'
import { checkClocks } from './doctor/check-clocks.ts'
import { checkDeletedUsers } from './doctor/check-deleted-users.ts'
import { checkIssuer } from './doctor/check-issuer.ts'
import { checkKeys } from './doctor/check-keys.ts'
import { checkPostgres, redisOfServers } from './doctor/check-postgres.ts'
import { checkRealm } from './doctor/check-realm.ts'
import { checkRedis } from './doctor/check-redis.ts'
import { type Finding, findingOf } from './doctor/finding.ts'

const STATEMENT_TIMEOUT_MS = 5_000
const LONGEST_LINE = 2_000

/** `admin doctor`: exit code 1 if something is broken. Unlike the other commands it changes nothing in the stores. */
export function addDoctor(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('doctor')
    .description(
      'checks the settings, both stores, the clocks, the signing keys, the realm, deleted users and the issuer; changes nothing',
    )
    .action(async () => {
      const findings = await examine(env)
      for (const { level, cause, cure } of findings)
        process.stderr.write(
          `admin: ${shownText(`${level}: ${cause.replace(/[^.?]$/, '$&.')} ${cure}`, LONGEST_LINE)}\n`,
        )
      const isBroken = findings.some(({ level }) => level === 'broken')
      process.stdout.write(`${shownJson(JSON.stringify({ ok: !isBroken, findings }, null, 2))}\n`)
      if (isBroken) process.exitCode = 1
    })
}

/** What the command finds with these settings. Never throws because of a store. */
export async function examine(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  let config: Config
  try {
    config = readConfig(env)
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    // Without valid settings, the stores are not known.
    return error.lines.map((cause) => ({
      level: 'broken',
      check: 'settings',
      cause,
      cure: 'Correct this setting: docs/reference/settings.md describes it.',
    }))
  }
  const { databaseUrl: url, redisUrl, warnings } = config
  const database = openDatabase({ url, poolSize: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS })
  try {
    const postgres = await checkPostgres(database)
    const redis = await checkRedis(redisUrl, postgres.keys && (() => redisOfServers(database).catch(() => '')))
    const now = Date.now() + (postgres.aheadMs ?? 0)
    return [
      ...warnings.map((line) => findingOf('warning', 'settings', line, 'Correct its name, or remove it.')),
      ...postgres.findings,
      ...redis.findings,
      ...checkClocks({ Postgres: postgres.aheadMs, Redis: redis.aheadMs }),
      ...(postgres.keys ? checkKeys(postgres.keys, config, now) : []),
      ...(postgres.keys ? await checkRealm(database, config) : []),
      ...(postgres.keys ? await checkDeletedUsers(database, redisUrl) : []),
      ...(await checkIssuer(config, postgres.keys, now)),
    ]
  } finally {
    await database.$disconnect()
  }
}
