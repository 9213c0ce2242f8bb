import { randomBytes } from 'node:crypto'
import { createMetrics } from '@heirloom/http-service'
import { EXAMPLE_REALM } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { pino } from 'pino'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { buildApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { judgeRealmFile } from '../../src/rules/judge-realm-file.ts'
import type { RealmData } from '../../src/rules/realm.ts'
import { toFile } from '../../src/rules/realm-file-data.ts'
import { changeRealm } from '../../src/services/realm/change-realm.ts'
import { readRealm } from '../../src/services/admin/change-realm-as.ts'
import { type ServerParts, wire } from '../../src/wiring.ts'
import { adminOn } from '../support/admin.ts'
import { basic } from '../support/basic.ts'

// A client that is removed and added again, or disabled and enabled, has nothing of what was issued to it before.

let env: Record<string, string>
beforeAll(async () => {
  const { databaseUrl, redisUrl } = await testStores()
  env = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    REALM_FILE: EXAMPLE_REALM,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
    DATABASE_STATEMENT_TIMEOUT_MS: '10000',
  }
})

/** A server of this installation, in this process. */
async function start() {
  const metrics = createMetrics()
  const parts = await wire(readConfig(env), pino({ level: 'silent' }), metrics)
  const app = buildApp(parts, metrics)
  onTestFinished(() => app.close())
  const post = async (path: string, [id, secret]: readonly [string, string], form: Record<string, string>) => {
    const answer = await app.inject({
      method: 'POST',
      url: path,
      headers: { ...basic(id, secret), 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams(form).toString(),
    })
    return answer.json()
  }
  return {
    parts,
    tokenOf: async (client: readonly [string, string]) =>
      (await post('/oauth2/token', client, { grant_type: 'client_credentials' })).access_token as string | undefined,
    isActive: async (watcher: readonly [string, string], token: string) =>
      (await post('/oauth2/introspect', watcher, { token })).active as boolean,
  }
}

const MACHINE = ['--auth', 'client_secret_basic', '--grant', 'client_credentials', '--resource', 'resource-api']

async function addMachine(parts: ServerParts, id: string) {
  const added = await adminOn(parts, 'client', 'add', id, ...MACHINE, '--scope', 'reports:read')
  return [id, added.client_secret] as const
}

const apply = (parts: ServerParts, file: object, prune = false) =>
  changeRealm({ ...parts.core, ...parts }, (current: RealmData) =>
    judgeRealmFile(current, file, { prune, issuer: parts.core.config.issuer }),
  )

test('a token of a client that was removed does not come back with its id, on any server', async () => {
  const [one, two] = [await start(), await start()]
  const watcher = await addMachine(one.parts, 'watcher')
  const file = toFile(await readRealm(one.parts))
  const watched = { ...file.resources?.['resource-api'], introspectors: ['watcher'] }
  await apply(one.parts, { resources: { 'resource-api': watched } })
  const old = await addMachine(one.parts, 'robot')
  const token = (await one.tokenOf(old)) ?? ''
  await two.parts.realm.refresh()
  for (const { isActive } of [one, two]) expect(await isActive(watcher, token)).toBe(true)

  await adminOn(one.parts, 'client', 'remove', 'robot')
  const anew = await addMachine(two.parts, 'robot')
  // What it gets from now on counts, within the same second too.
  const fresh = (await two.tokenOf(anew)) ?? ''
  await one.parts.realm.refresh()
  for (const { isActive, tokenOf } of [one, two, await start()]) {
    expect([await isActive(watcher, token), await isActive(watcher, fresh)]).toEqual([false, true])
    expect(await tokenOf(old)).toBeUndefined()
  }
  // A later change of the client ends nothing.
  const { clients } = toFile(await readRealm(one.parts))
  await apply(one.parts, { clients: { robot: { ...clients?.['robot'], name: 'Robot' } } })
  expect(await one.isActive(watcher, fresh)).toBe(true)

  // The same by a file. It has the hash of the secret, so that the client goes on with the one it has.
  const { robot, ...others } = toFile(await readRealm(one.parts)).clients ?? {}
  const whole = toFile(await readRealm(one.parts))
  await apply(one.parts, { ...whole, clients: others }, true)
  await apply(one.parts, { clients: { robot } })
  for (const { isActive, tokenOf } of [one, await start()]) {
    expect(await isActive(watcher, fresh)).toBe(false)
    expect(await isActive(watcher, (await tokenOf(anew)) ?? '')).toBe(true)
  }
}, 120_000)

test('a token that a server gave to a client whose end it had not followed is over when the client begins again', async () => {
  const [one, late] = [await start(), await start()]
  const watcher = await addMachine(one.parts, 'second-watcher')
  const file = toFile(await readRealm(one.parts))
  await apply(one.parts, {
    resources: { 'resource-api': { ...file.resources?.['resource-api'], introspectors: ['second-watcher'] } },
  })
  const client = await addMachine(one.parts, 'sleeper')
  await late.parts.realm.refresh()
  const disabling = adminOn(one.parts, 'client', 'disable', 'sleeper')
  await expect
    .poll(async () => (await readRealm(one.parts)).clients.find(({ id }) => id === 'sleeper')?.disabled, {
      interval: 5,
    })
    .toBe(true)
  const token = (await late.tokenOf(client)) ?? ''
  await disabling
  await adminOn(one.parts, 'client', 'enable', 'sleeper')
  expect(await one.isActive(watcher, token)).toBe(false)
}, 60_000)
