import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '@heirloom/local-stack'
import { afterAll, expect, test } from 'vitest'
import { answersOfLines, start, stop } from './support/start.ts'

const temporary = mkdtempSync(join(tmpdir(), 'heirloom-own-realm-'))
chmodSync(temporary, 0o711) // stores that run as another user must be able to enter it
afterAll(() => rmSync(temporary, { recursive: true, force: true }))

const root = fileURLToPath(new URL('../..', import.meta.url))
const [, guide = ''] = /```yaml\n(.*?)```/s.exec(readFileSync(join(root, 'docs/guide/realm.md'), 'utf8')) ?? []
const place = {
  DATA_DIR: join(temporary, 'data'),
  AUTH_PORT: String(await freePort()),
  API_PORT: String(await freePort()),
  REALM_FILE: join(temporary, 'my-realm.yaml'),
}

/** The payload of the first access token in an answer. */
const claimsIn = (answer = '') =>
  JSON.parse(Buffer.from(/\.(eyJ[A-Za-z0-9_-]+)\./.exec(answer)?.[1] ?? '', 'base64url').toString()) as object

function apply(file: string) {
  const admin = ['scripts/admin.ts', 'realm', 'apply', '-', '--prune']
  const env = { ...process.env, DATA_DIR: place.DATA_DIR }
  expect(spawnSync(process.execPath, admin, { cwd: root, env, input: file, encoding: 'utf8' })).toMatchObject({
    status: 0,
  })
}

test("with a reader's own realm, the five lines work, and say what to do where they cannot", async () => {
  writeFileSync(place.REALM_FILE, guide)
  const first = await start(place)
  const [login, me, , logout, refused] = answersOfLines(first.output)
  expect(claimsIn(login)).toMatchObject({ aud: expect.arrayContaining(['https://files.example.com', 'billing']) })
  expect(me).toContain('"scope":"files:read files:write mail:send"')
  expect(logout).toBe('204\n')
  expect(refused).toContain('"error":"invalid_grant"')

  // Roles that the demo user does not have, and no default client.
  apply(guide.replaceAll('member', 'visitor').replace('default_client: web', ''))
  expect(await stop(first.copy)).toBe(0)
  const second = await start(place)
  expect(second.output).toContain("first: npm run admin -- user roles demo 'accountant'\n")
  expect(answersOfLines(second.output)[0]).toContain('"error":"invalid_scope"')

  // Nobody logs in with a password.
  apply(guide.replaceAll('login, ', 'authorization_code, ').replace('default_client: web', ''))
  expect(await stop(second.copy)).toBe(0)
  const third = await start(place)
  expect(third.output).toContain('docs/guide/code-flow.md')
  expect(third.output).not.toContain('curl ')
  expect(await stop(third.copy)).toBe(0)
}, 240_000)
