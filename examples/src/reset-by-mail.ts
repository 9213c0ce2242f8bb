// A forgotten password is set anew, by a link that is mailed: `ISSUER=… CLIENT_ID=ops CLIENT_SECRET=… SMTP_URL=… PORT=3000 node src/reset-by-mail.ts`
import { createHash, randomBytes } from 'node:crypto'
import express from 'express'
import { createTransport } from 'nodemailer'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, SMTP_URL, PORT = '3000', OWN_URL = `http://127.0.0.1:${PORT}` } = process.env
const mail = createTransport(SMTP_URL)
/** By the hash of the code in the link, at most one for each user. Several instances of this service need a table instead. */
const links = new Map<string, { userId: string; expiresAt: number }>()
const hash = (code: unknown) => createHash('sha256').update(String(code)).digest('hex')

async function admin(method: string, path: string, body?: object): Promise<Response> {
  const authorization = `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}`
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  const granted = await fetch(`${ISSUER}/oauth2/token`, { method: 'POST', headers: { authorization }, body: form })
  const { access_token: token } = (await granted.json()) as { access_token: string }
  const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) }
  return fetch(`${ISSUER}/admin${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
}

async function sendLinks(email: string): Promise<void> {
  const found = await admin('GET', `/users?email=${encodeURIComponent(email)}`)
  const { users } = (await found.json()) as { users: { id: string; username: string; email: string }[] }
  for (const { id: userId, username, email: to } of users) {
    for (const [known, link] of links) if (link.userId === userId || link.expiresAt < Date.now()) links.delete(known)
    const code = randomBytes(32).toString('base64url')
    links.set(hash(code), { userId, expiresAt: Date.now() + 15 * 60_000 })
    const text = `To set a new password for ${username}, open ${OWN_URL}/reset?code=${code} within 15 minutes.`
    await mail.sendMail({ from: 'no-reply@example.org', to, subject: 'Your password', text })
  }
}

const app = express().use(express.urlencoded({ extended: false }))
app.post('/forgot', (request, response) => {
  // Answered before anything is looked up: neither the answer nor its time tells who has an account.
  response.send('If there is an account with this address, a link is on its way.')
  sendLinks(String(request.body?.email)).catch((error: Error) => console.error(error.message))
})
// Programs that look into mail open links, so only the post does something.
app.get('/reset', (_request, response) => {
  response
    .set('referrer-policy', 'no-referrer')
    .send(
      '<form method="post"><label>New password <input name="password" type="password" autocomplete="new-password"></label><button>Set it</button></form>',
    )
})
app.post('/reset', async (request, response) => {
  const [key, link] = [hash(request.query['code']), links.get(hash(request.query['code']))]
  links.delete(key)
  if (!link || link.expiresAt < Date.now()) return response.status(400).send('This link is not valid any more.')
  const set = await admin('PUT', `/users/${link.userId}/password`, { password: String(request.body?.password) })
  if (set.ok) return response.send('The new password is set. Log in.')
  const { error_description: problem } = (await set.json()) as { error_description: string }
  // It may be tried again, with a better password.
  if (set.status === 400) links.set(key, link)
  return response.status(set.status).send(problem)
})
app.listen(Number(PORT), '127.0.0.1')
