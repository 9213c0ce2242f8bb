import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { LOG_HOOKS } from '@heirloom/http-service'
import { pino } from 'pino'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../src/postgres/database.ts'
import { runAdmin } from './support/admin.ts'
import { PASSWORD, type TestServer, testServer } from './support/server.ts'
import { openStores } from './support/stores.ts'

let server: TestServer
let database: Database
beforeAll(async () => {
  server = await testServer({ TRUSTED_PROXIES: '127.0.0.1' })
  ;({ database } = openStores(server))
})

const register = (username: string, password = PASSWORD) =>
  server.call('POST', '/auth/register', { username, password })
const logInWith = async (username: string, headers: Record<string, string>, more: object = {}) => {
  await register(username)
  return server.call('POST', '/auth/login', { username, password: PASSWORD, ...more }, headers)
}
const storedSession = async (sid: string) => database.family.findUniqueOrThrow({ where: { sid } })

describe('a body that is not text', () => {
  const post = async (path: string, body: Buffer | string) => {
    const response = await fetch(server.service.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    return { status: response.status, body: (await response.json()) as { error: string } }
  }
  const latin1 = (username: string, letter: string) =>
    Buffer.from(JSON.stringify({ username, password: `${letter.repeat(5)} and a long walk` }), 'latin1')

  test('in Latin-1 is refused, so that two different passwords are never one', async () => {
    const registered = await post('/auth/register', latin1('latin', 'é'))
    expect([registered.status, registered.body.error]).toEqual([400, 'invalid_request'])
    const loggedIn = await post('/auth/login', latin1('latin', 'ü'))
    expect([loggedIn.status, loggedIn.body.error]).toEqual([400, 'invalid_request'])
    expect(await database.user.count({ where: { usernameKey: 'latin' } })).toBe(0)
  })

  test.each([
    ['half of a surrogate pair', '{"username":"half","password":"\\ud83d and a long walk"}'],
    ['two halves the wrong way round', '{"username":"half","password":"\\udf02\\ud83c and a long walk"}'],
    ['half of a pair in a name', '{"username":"half","password":"a quiet and long walk","\\uDC00":1}'],
    ['half of a pair deep inside', '{"username":"half","password":"a quiet and long walk","a":[{"b":["\\ud800"]}]}'],
  ])('%s is refused', async (_, body) => {
    const answer = await post('/auth/register', body)
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
  })

  test('an escaped pair, and an escaped backslash before a u, are text', async () => {
    expect(
      (await post('/auth/register', '{"username":"pair","password":"\\ud83c\\udf02 in the evening rain"}')).status,
    ).toBe(201)
    expect(
      (await post('/auth/register', '{"username":"slash","password":"\\\\ud83c in the evening rain"}')).status,
    ).toBe(201)
  })

  test('is refused by the admin command, too', async () => {
    const input = Buffer.from('ééééé and a long walk', 'latin1')
    const { code, stderr } = await runAdmin(server.env, input, 'user', 'add', 'stdin', '--password-stdin')
    expect([code, stderr]).toEqual([1, 'admin: the password on standard input is not valid UTF-8\n'])
  })
})

describe('what a client says of itself', () => {
  const HOSTILE = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}]/u

  test('a User-Agent is stored without the control characters of a terminal', async () => {
    const { body } = await logInWith('agent', { 'user-agent': `Agent\u009b31m\u0085${'x'.repeat(500)}` })
    const { device } = await storedSession(body.session_id)
    expect(device).toMatch(/^Agent\ufffd31m\ufffdx+$/)
    expect(Array.from(device ?? '')).toHaveLength(200)
  })

  test.each([['\u009b31m'], ['\u202e'], ['\u2066'], ['\u2028'], ['\u0000'], ['\u007f']])(
    'a device with %j is refused',
    async (device) => {
      const answer = await logInWith('device', {}, { device })
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
    },
  )

  test('what an older version stored is escaped on the terminal of the operator', async () => {
    const { body } = await logInWith('older', {})
    const device = 'a\u009b31m\u202eb\u2028c\u0085'
    await database.family.update({ where: { sid: body.session_id }, data: { device } })
    const { stdout, answer } = await runAdmin(server.env, '', 'session', 'list', 'older')
    expect(stdout.replaceAll('\n', '')).not.toMatch(HOSTILE)
    expect(answer).toMatchObject({ sessions: [{ device }] })
  })

  test('it is escaped in a line of the log', async () => {
    const written = new PassThrough()
    pino({ hooks: LOG_HOOKS }, written).warn(new Error('a\u009bb\u202ec'))
    written.end()
    const line = await text(written)
    expect(line.trimEnd()).not.toMatch(HOSTILE)
    expect(JSON.parse(line)).toMatchObject({ msg: 'a\u009bb\u202ec' })
  })
})

describe('the address that a proxy names', () => {
  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['junk, 203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:4711', '203.0.113.7'],
    ['[2001:db8::7]:4711', '2001:db8::7'],
    ['2001:db8::7', '2001:db8::7'],
    // An entry that does not parse is no address, and no trusted proxy vouches for those before it.
    ['203.0.113.9, junk', '127.0.0.1'],
    ['x'.repeat(4000), '127.0.0.1'],
    ['<script>', '127.0.0.1'],
    ['unknown', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    [`fe80::1%${'a'.repeat(2000)}`, '127.0.0.1'],
    ['203.0.113.7\u009b31m', '127.0.0.1'],
    ['', '127.0.0.1'],
  ])('%.60s is stored as %s', async (forwarded, stored) => {
    const { body } = await logInWith('forwarded', { 'x-forwarded-for': forwarded })
    expect((await storedSession(body.session_id)).ip).toBe(stored)
  })
})
