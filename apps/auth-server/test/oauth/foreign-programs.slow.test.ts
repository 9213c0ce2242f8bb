import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { flowServer, redirectOf } from '../support/code-flow.ts'
import { FILES, OAUTH_REALM, secretOf } from '../support/oauth-realm.ts'
import { type RealmServer, realmServer } from '../support/realm-server.ts'

/** The server answers in this process, so a program must not block it. */
const run = promisify(execFile)

let server: RealmServer
beforeAll(async () => {
  server = await realmServer(OAUTH_REALM)
})

test('Python’s Authlib, as Debian has it, gets tokens, introspects, refreshes and revokes', async () => {
  const { refresh_token: token } = await server.open('desk')
  const { stdout } = await run('/usr/bin/python3', [fileURLToPath(new URL('authlib-client.py', import.meta.url))], {
    env: {
      ISSUER: server.url,
      NIGHTLY_SECRET: secretOf('nightly'),
      SERVICE_SECRET: secretOf('files-service'),
      DESK_SECRET: secretOf('desk'),
      REFRESH_TOKEN: token,
      // It refuses http otherwise.
      AUTHLIB_INSECURE_TRANSPORT: '1',
    },
  })
  expect(stdout.trim().split('\n')).toEqual([
    'machine files:read',
    'introspected True nightly',
    'refreshed Bearer',
    'revoked 200',
    'ended invalid_grant',
  ])
})

test.each([
  ['a native application', 'native'],
  ['a server with a secret', 'site'],
])('Python’s Authlib logs in by the code flow, refreshes and revokes, as %s', async (_, id) => {
  const flow = await flowServer()
  const python = spawn('/usr/bin/python3', [fileURLToPath(new URL('authlib-login.py', import.meta.url))], {
    env: {
      ISSUER: flow.url,
      CLIENT_ID: id,
      REDIRECT_URI: redirectOf(id),
      ...(id === 'site' && { CLIENT_SECRET: secretOf(id) }),
      AUTHLIB_INSECURE_TRANSPORT: '1',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void python.kill())
  const said: string[] = []
  for await (const line of createInterface({ input: python.stdout })) {
    if (line.startsWith(flow.url)) python.stdin.end(`${(await flow.visit(new URL(line))).href}\n`)
    else said.push(line)
  }
  expect(said).toEqual(['logged in files:read Bearer', 'refreshed True', 'revoked 200', 'ended invalid_grant'])
})

test('curl gets tokens, introspects, refreshes and revokes, as the guide has it', async () => {
  const curl = async (path: string, ...parameters: string[]) => {
    const { stdout } = await run('curl', ['-s', `${server.url}${path}`, ...parameters])
    return JSON.parse(stdout)
  }
  const form = (parameters: Record<string, string>) =>
    Object.entries(parameters).flatMap(([name, value]) => ['-d', `${name}=${value}`])
  const asNightly = ['-u', `nightly:${secretOf('nightly')}`]
  const asService = ['-u', `files-service:${secretOf('files-service')}`]
  const machine = await curl('/oauth2/token', ...asNightly, ...form({ grant_type: 'client_credentials' }))
  const shown = await curl('/oauth2/introspect', ...asService, ...form({ token: machine.access_token }))
  expect([shown.active, shown.aud]).toEqual([true, FILES])

  const { refresh_token: first } = await server.open('phone')
  const asPhone = { client_id: 'phone' }
  const grant = { ...asPhone, grant_type: 'refresh_token' }
  const { refresh_token: next } = await curl('/oauth2/token', ...form({ ...grant, refresh_token: first }))
  expect(await curl('/oauth2/revoke', ...form({ ...asPhone, token: next }))).toEqual({})
  expect((await curl('/oauth2/token', ...form({ ...grant, refresh_token: next }))).error).toBe('invalid_grant')
})
