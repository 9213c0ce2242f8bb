import { randomBytes } from 'node:crypto'
import { EXAMPLE_REALM, type Service, startService } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { afterAll } from 'vitest'
import { type Declared, declaredAnswers } from './declared-answers.ts'

export const PASSWORD = 'a long and quiet walk'

interface Answer {
  status: number
  headers: Headers
  text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- the test says what it expects
  body: any
}

export interface TestServer {
  service: Service
  env: Record<string, string>
  /** The server's database, as a superuser. */
  superuserUrl: string
  redisUrl: string
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  /** Registers a new user and logs in. @param by how the login is sent; default: `call`. */
  login(body?: Record<string, unknown>, by?: TestServer['call']): Promise<{ username: string; tokens: Answer['body'] }>
}

/** The real server in a process of its own, on stores that only this test file uses. */
export async function testServer(settings: Record<string, string> = {}): Promise<TestServer> {
  const { databaseUrl, superuserUrl, redisUrl } = await testStores()
  const env: Record<string, string> = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    REALM_FILE: EXAMPLE_REALM,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
    LOGIN_ATTEMPTS_PER_ADDRESS: '10000',
    REFUSED_LOGIN_STEP_MS: '0',
    LOG_LEVEL: 'trace',
    ...settings,
  }
  const service = await startService({ script: 'apps/auth-server', env })
  await service.ready()
  const isDeclared: Declared = await declaredAnswers(service.url)
  afterAll(() => service.stop())

  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const hasBody = body !== undefined
    const response = await fetch(service.url + path, {
      method,
      headers: { ...(hasBody && { 'content-type': 'application/json' }), ...headers },
      ...(hasBody && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const answered = text.startsWith('{') ? JSON.parse(text) : null
    if (!isDeclared(method, path, response.status, answered))
      throw new Error(`${method} ${path} answered ${response.status} ${text}, which its schema does not declare`)
    return { status: response.status, headers: response.headers, text, body: answered }
  }

  let users = 0
  return {
    service,
    env,
    superuserUrl,
    redisUrl,
    call,
    async login(body = {}, by = call) {
      const username = `user-${++users}`
      await call('POST', '/auth/register', { username, password: PASSWORD })
      const { body: tokens } = await by('POST', '/auth/login', { username, password: PASSWORD, ...body })
      return { username, tokens }
    },
  }
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
