import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PASSWORD, bearer, testServer } from '@heirloom/auth-server/testing'
import { EXAMPLE_REALM, freePort, startService } from '@heirloom/local-stack'
import { SMTPServer } from 'smtp-server'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'

const SECRET = 'shown once by rotate-secret'
const ANSWER = 'If there is an account with this address, a link is on its way.'
const ANOTHER = 'an even longer and quieter walk'

/** The mails that the server on this machine took, with their envelope. */
const mails: { to: string; text: string }[] = []
let auth: Awaited<ReturnType<typeof testServer>>
let url: string

/** The example with the lines that it has as comments. */
function realmWithAdministration(): string {
  const lines = readFileSync(EXAMPLE_REALM, 'utf8').replaceAll(
    /^ {2}# (?=(auth-server-admin|ops):| +(name|scopes|auth|grants|resources|admin:\w+(:\w+)?):)/gm,
    '  ',
  )
  const hash = createHash('sha256').update(SECRET).digest('hex')
  return lines.replace(/^( +)auth: client_secret_basic$/m, `$&\n$1secret_sha256: [${hash}]`)
}

beforeAll(async () => {
  const realm = join(inject('runFolder'), 'reset-realm.yaml')
  writeFileSync(realm, realmWithAdministration())
  auth = await testServer({ REALM_FILE: realm })
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      let text = ''
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
      stream.on('end', () => {
        for (const { address } of session.envelope.rcptTo) mails.push({ to: address, text })
        done()
      })
    },
  })
  const smtpPort = await freePort()
  await new Promise<void>((resolve) => void smtp.listen(smtpPort, '127.0.0.1', resolve))
  const service = await startService({
    script: 'examples/src/reset-by-mail.ts',
    env: {
      ISSUER: auth.service.url,
      CLIENT_ID: 'ops',
      CLIENT_SECRET: SECRET,
      SMTP_URL: `smtp://127.0.0.1:${smtpPort}?ignoreTLS=true`,
    },
  })
  afterAll(async () => {
    await service.stop()
    await new Promise<void>((resolve) => smtp.close(() => resolve()))
  })
  await vi.waitFor(() => fetch(`${service.url}/reset`), { timeout: 30_000 })
  url = service.url
})

const post = (path: string, form: Record<string, string>) =>
  fetch(url + path, { method: 'POST', body: new URLSearchParams(form) })
const login = (username: string, password: string) => auth.call('POST', '/auth/login', { username, password })

async function addUser(username: string, email: string): Promise<void> {
  const granted = await auth.call('POST', '/oauth2/token', 'grant_type=client_credentials', {
    authorization: `Basic ${Buffer.from(`ops:${SECRET}`).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
  })
  await auth.call('POST', '/admin/users', { username, password: PASSWORD, email }, bearer(granted.body.access_token))
}

/** Asks for a link, and answers its path. */
async function mailedLink(email: string): Promise<string> {
  const before = mails.length
  expect(await (await post('/forgot', { email })).text()).toBe(ANSWER)
  await vi.waitFor(() => expect(mails.length).toBe(before + 1), 10_000)
  const text =
    mails
      .at(-1)
      ?.text.replaceAll(/=\r?\n/g, '')
      .replaceAll('=3D', '=') ?? ''
  return /\/reset\?code=[\w-]+/.exec(text)?.[0] ?? ''
}

test('a user who forgot the password sets a new one by the link in a mail, once', async () => {
  await addUser('ada', 'Ada@mail.example')
  const { refresh_token } = (await login('ada', PASSWORD)).body
  const link = await mailedLink('ada@MAIL.example')
  expect(mails.at(-1)?.to).toBe('Ada@mail.example')
  // A program that looks into the mail opens it first.
  expect((await fetch(url + link)).status).toBe(200)
  expect((await post(link, { password: 'short' })).status).toBe(400)
  expect((await post(link, { password: ANOTHER })).status).toBe(200)
  expect((await post(link, { password: PASSWORD })).status).toBe(400)
  expect((await login('ada', PASSWORD)).status).toBe(401)
  expect((await login('ada', ANOTHER)).status).toBe(200)
  expect((await auth.call('POST', '/auth/refresh', { refresh_token })).body.error).toBe('invalid_grant')
})

test('a stranger gets the same answer, and nobody a mail; a newer link makes the one before invalid', async () => {
  await addUser('bob', 'bob@mail.example')
  expect(await (await post('/forgot', { email: 'nobody@mail.example' })).text()).toBe(ANSWER)
  const [first, second] = [await mailedLink('bob@mail.example'), await mailedLink('bob@mail.example')]
  expect(mails.map(({ to }) => to)).not.toContain('nobody@mail.example')
  expect((await post(first, { password: ANOTHER })).status).toBe(400)
  expect((await post(second, { password: ANOTHER })).status).toBe(200)
})
