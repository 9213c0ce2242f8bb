import { randomBytes } from 'node:crypto'
import { createMetrics } from '@heirloom/http-service'
import { freePort } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { pino } from 'pino'
import { afterAll } from 'vitest'
import { buildApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { type Client, type RealmData, realmOf } from '../../src/rules/realm.ts'
import { targetOfGrant } from '../../src/rules/target.ts'
import type { Core } from '../../src/services/core.ts'
import { register } from '../../src/services/accounts/register.ts'
import { issueTokens } from '../../src/services/sessions/issue-tokens.ts'
import { openSession } from '../../src/services/sessions/open-session.ts'
import type { SecurityEvent } from '../../src/services/security-event.ts'
import { wire } from '../../src/wiring.ts'
import { declaredAnswers } from './declared-answers.ts'
import { PASSWORD } from './server.ts'

export interface FormAnswer {
  status: number
  headers: Headers
  text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- the test says what it expects
  body: any
}

export type Form = Record<string, string | readonly string[]>

/** The server in this process, with a realm that the test may change while it runs. */
export async function realmServer(data: RealmData, settings: Record<string, string> = {}) {
  const { databaseUrl, redisUrl, redis } = await testStores()
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const events: SecurityEvent[] = []
  const env = {
    ISSUER: issuer,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
    LOGIN_ATTEMPTS_PER_ADDRESS: '10000',
    REFUSED_LOGIN_STEP_MS: '0',
    LOG_LEVEL: 'silent',
    ...settings,
  }
  const metrics = createMetrics()
  const parts = await wire(readConfig(env), pino({ level: 'silent' }), metrics)
  let realm = realmOf(data)
  const core: Core = {
    ...parts.core,
    realm: { current: () => realm },
    audit(event) {
      events.push(event)
      parts.core.audit(event)
    },
  }
  const app = buildApp({ ...parts, core }, metrics)
  afterAll(() => app.close())
  await app.listen({ host: '127.0.0.1', port })
  const isDeclared = await declaredAnswers(issuer)
  let users = 0

  const send = async (path: string, init: RequestInit): Promise<FormAnswer> => {
    const response = await fetch(issuer + path, init)
    const text = await response.text()
    const body = text.startsWith('{') ? JSON.parse(text) : null
    if (!isDeclared(init.method ?? 'GET', path, response.status, body))
      throw new Error(`${path} answered ${response.status} ${text}, which its schema does not declare`)
    return { status: response.status, headers: response.headers, text, body }
  }
  return {
    url: issuer,
    core,
    /** All of the server, for the commands of an operator. */
    parts: { ...parts, core },
    env,
    redisUrl,
    redis,
    /** The security events so far. */
    events,
    send,
    /** Posts a form. */
    post: (path: string, form: Form, headers: Record<string, string> = {}) =>
      send(path, { method: 'POST', headers, body: formOf(form) }),
    /** Changes the realm, as an operator would. */
    setClients(clients: readonly Client[]) {
      realm = realmOf({ ...data, clients })
    },
    /** A new user with a session of this client, by whatever grant. */
    async open(clientId: string, scope?: string, asked?: readonly string[]) {
      const client = realm.clients.get(clientId)
      const username = `user-${++users}`
      const added = await register(core, { username, password: PASSWORD, roles: ['user'] })
      if (!client || !added.ok) throw new Error(`no ${clientId} or ${username}`)
      const target = targetOfGrant({ client, asked, issuer })
      if (!target.ok) throw new Error(target.description)
      const { resources } = target
      const how = { device: null, ip: '127.0.0.1' }
      const opened = await openSession(core, { user: added.account, client, resources, scope, how })
      if (!opened.ok) throw new Error(opened.description)
      const { family, now, account } = opened
      const granted = { realm, client, resources: resources.slice(0, client.firstParty ? 9 : 1), scope: family.scope }
      const tokens = await issueTokens(core, family, { ...granted, account }, 1, now)
      return { ...tokens, userId: account.id, familyId: family.id }
    },
  }
}

export type RealmServer = Awaited<ReturnType<typeof realmServer>>

function formOf(form: Form): URLSearchParams {
  return new URLSearchParams(Object.entries(form).flatMap(([name, value]) => [value].flat().map((one) => [name, one])))
}
